"""Learning rules written out equation by equation in plain NumPy, independently of the engines.

Each takes a ``fault``: the name of one line that is then written as somebody once wrote it, or could.
"""
