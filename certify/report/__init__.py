"""Report writers, one per file: each turns a certificate into one form and knows nothing of the others."""
