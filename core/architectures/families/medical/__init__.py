"""Networks of medicine: nnU-Net v2 and MONAI, built by their own libraries (extra "medical")."""
