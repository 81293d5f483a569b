"""Files by their digest.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "blobs",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("used", sa.Double, nullable=False),
    )
    op.create_index("ix_blobs_used", "blobs", ["used"])


def downgrade() -> None:
    """Forget which files are whole."""
    op.drop_table("blobs")
