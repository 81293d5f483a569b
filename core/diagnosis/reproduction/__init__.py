"""Which program wrote the user's own picture: each common mistake repeated on this case.

In: `Measurements` with the user's file. Out: findings that name the mistake. Open `match.py` first;
`programs.py` has the mistakes, `decode.py` reads the file.
"""
