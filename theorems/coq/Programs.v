(** The programs of the theorems, for OCaml. The arithmetic is an argument, so that nothing is put in the place of
    anything but lists, booleans, options, pairs (OCaml's own) and natural numbers (OCaml's integers). *)
Require Extraction.
Require Import ExtrOcamlBasic ExtrOcamlNatInt.
From Gradcert Require Import Graph.
Extraction Language OCaml.
Extraction "graph.ml" forward reverse residual path_sum kept but both within
  window_forward window_reverse window_beyond split_node.
