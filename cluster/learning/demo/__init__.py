"""The whole loop once, as a program goes through it over HTTP, with a simulated user; `hearth learn demo` and `hearth bench learning` do.

place.py  an organisation of its own on a running cluster   task.py  what is asked, and the right answers
loop.py   talk, choose, correct, build, train, examine, promote, take back   user.py  who corrects
"""
