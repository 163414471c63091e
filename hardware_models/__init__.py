"""Hardware models: fixed-point arithmetic, on-chip update datapaths, and proofs about them.

One chip or datapath per file, bit-exact, with the Verilog that it describes beside it where there is some.
May import `gradcert.reference`; proofs need the extra `smt`, simulations the extra `rtl`.
"""
