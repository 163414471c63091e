"""What a step of training is held against: runs of the reference engine, errors, what rounding explains, a judgement.

`evidence` has the reference engine run around the module's own spikes, `beside` is what comes back beside the loss's
result, `envelope` measures what rounding explains, `comparing` and `verdict` hold gradients against that, `judgement`
is what was found, `figures` what a rule costs there.
"""
