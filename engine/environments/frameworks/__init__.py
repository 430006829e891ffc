"""The frameworks that a package can be made for: one file each, with a function `files(making)` that returns the whole
package by path, and `scorer(folder)`, the command that scores replies in the unpacked package.

`engine/environments/package.py` finds them and says what `making` offers. A command of `scorer` speaks the lines of
`engine/environments/serve.py`.
"""
