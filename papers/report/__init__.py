"""What is shown of a claim: figures and tables as data, curves as SVG, a page, a listing, the Markdown of docs/."""
