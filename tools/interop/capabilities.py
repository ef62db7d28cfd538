"""What the client can do that others lack, and the test that proves each.

A proof is the name of a test of this suite, the name of another test as "test_file.test_function",
or a key of LATER.
"""

LATER = {"second step": "second step", "bootstrap": "comes with bootstrap"}

CAPABILITIES = ()
