(** No extraction: a small network, evaluated by Coq itself, in exact rationals.

    Two units of a leaky layer with a reset and lateral weights under one readout unit, T steps; every number is made
    up, none is 0 or 1. That forward, reverse and walks agree is proved for all tapes; that these definitions run, and
    that a rule does drop something here, is what is computed. *)
Require Import List QArith Qcanon Bool.
From Gradcert Require Import Graph.
Import ListNotations.

Definition q (a : Z) (b : positive) : Qc := Q2Qc (a # b).
Inductive kind := Inside | State | Reset | Recurrent | Node_site.
Definition kinds_kept (l : kind) : bool := match l with Inside | State | Node_site => true | _ => false end.
Definition everything (_ : kind) : bool := true.

(** Per step, the newest first: readout, spikes z1 z0, membranes v1 v0. *)
Definition step (t : nat) : tape Qc kind :=
  let r := q (Z.of_nat (t mod 3) - 4) 3 in
  [ Node [Edge 0 (q 2 3) Inside; Edge 1 (q (-5) 7) Inside; Edge 4 (q 1 2) State] (r * q 3 5) Node_site;
    Node [Edge 1 (q 3 4) Inside] (q 0 1) Node_site;
    Node [Edge 1 (q 4 9) Inside] (q 0 1) Node_site;
    Node [Edge 4 (q 4 5) State; Edge 2 (q (-4) 7) Reset; Edge 3 (q 1 3 * r) Recurrent] (q 0 1) Node_site;
    Node [Edge 4 (q 4 5) State; Edge 2 (q (-3) 7) Reset; Edge 1 (q 2 7 * r) Recurrent] (q 0 1) Node_site ].
Fixpoint network (T : nat) : tape Qc kind := match T with O => [] | S t => step t ++ network t end.
Fixpoint immediate (T : nat) : list Qc :=
  match T with O => [] | S t => [q 0 1; q 0 1; q 0 1; q 0 1; q (Z.of_nat (t mod 2) + 1) 2] ++ immediate t end.

Definition run (f : tape Qc kind -> list Qc -> Qc) (T : nat) : Qc := f (network T) (immediate T).
Definition forward_of keep := run (forward Qc 0 Qcplus Qcmult kind keep).
Definition reverse_of keep := run (reverse Qc 0 Qcplus Qcmult kind keep).
Definition residual_of keep := run (residual Qc 0 Qcplus Qcmult Qcopp kind everything keep).
Definition walks_of P := run (path_sum Qc 0 Qcplus Qcmult kind P).

Definition all_equal (T : nat) : bool :=
  let rule := forward_of kinds_kept T in
  Qc_eq_bool rule (reverse_of kinds_kept T) && Qc_eq_bool rule (walks_of (kept kind kinds_kept) T)
  && Qc_eq_bool (rule + residual_of kinds_kept T) (forward_of everything T)
  && negb (Qc_eq_bool (residual_of kinds_kept T) 0).

Theorem small_network : map all_equal [2; 3; 4; 5]%nat = [true; true; true; true].
Proof. vm_compute; reflexivity. Qed.
