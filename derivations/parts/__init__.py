"""Parts of proofs that several steps share, one subject per file: residuals, recursions, widths, spiking layers, ..."""
