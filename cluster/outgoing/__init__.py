"""Requests that leave this machine on somebody's word. There is one client for all of them, and it goes nowhere but where it may.

    ask -> rules (is this an address at all?) -> gate (resolve, check every address) -> connection to exactly the address that was checked
        -> bounded reading -> what is it really? -> the journal

A name is resolved once for each connection, and the connection goes to what was checked: a name that means something else a moment later
leads nowhere new. Each redirect begins anew.
"""
