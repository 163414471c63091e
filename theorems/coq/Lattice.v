(** Where nothing is rounded at all: values on a lattice that the digits can hold.

    Every atom is a whole multiple of 2^-(grid i). [lattice e] is the exponent that the judge keeps: every monomial is a
    multiple of 2^-(lattice e). If at every node size < 2^(p - lattice) and the lattice is not finer than the smallest
    subnormal, arithmetic of p digits with gradual underflow returns the exact value. *)
Require Import Reals Lra Lia ZArith.
From Flocq Require Import Core.
From Gradcert Require Import Budget.
Set Implicit Arguments.
Open Scope R_scope.

Section Lattice.
Variables (atom : nat -> R) (grid whole : nat -> Z).
Hypothesis on_grid : forall i, atom i = IZR (whole i) * bpow radix2 (- grid i).
Variables emin p : Z.
Context (p_gt_0 : Prec_gt_0 p).
Variable choice : Z -> bool.

Fixpoint lattice e : Z :=
  match e with Atom i => grid i | Add a b => Z.max (lattice a) (lattice b) | Mul a b => lattice a + lattice b end.

Fixpoint fits e : Prop :=
  size atom e < bpow radix2 (p - lattice e) /\ (lattice e <= - emin)%Z /\
  match e with Atom _ => True | Add a b | Mul a b => fits a /\ fits b end.

Definition multiple l x := exists k, x = IZR k * bpow radix2 (- l).

Lemma multiple_finer l l' x : (l <= l')%Z -> multiple l x -> multiple l' x.
Proof.
intros le [k ->]; exists (k * 2 ^ (l' - l))%Z; rewrite mult_IZR, (IZR_Zpower radix2) by lia.
rewrite Rmult_assoc, <- bpow_plus; do 2 f_equal; lia.
Qed.

Theorem value_multiple e : multiple (lattice e) (value atom e).
Proof.
induction e as [i|a IHa b IHb|a IHa b IHb]; simpl; [now exists (whole i)| |].
- destruct (multiple_finer (Z.le_max_l _ (lattice b)) IHa) as [k ->].
  destruct (multiple_finer (Z.le_max_r (lattice a) _) IHb) as [k' ->].
  exists (k + k')%Z; rewrite plus_IZR; ring.
- destruct IHa as [k ->]; destruct IHb as [k' ->]; exists (k * k')%Z.
  rewrite mult_IZR, Z.opp_add_distr, bpow_plus; ring.
Qed.

Lemma representable l x : (l <= - emin)%Z -> multiple l x -> Rabs x < bpow radix2 (p - l) ->
  generic_format radix2 (FLT_exp emin p) x.
Proof.
intros coarse [k ->] small; apply generic_format_FLT; exists (Float radix2 k (- l)); simpl; [easy| |lia].
apply lt_IZR; rewrite abs_IZR, (IZR_Zpower radix2) by (unfold Prec_gt_0 in *; lia).
rewrite Rabs_mult, (Rabs_pos_eq (bpow _ _)) in small by apply bpow_ge_0.
apply Rmult_lt_reg_r with (bpow radix2 (- l)); [apply bpow_gt_0|].
now rewrite <- bpow_plus.
Qed.

Theorem lattice_exact e : fits e -> computed atom emin p choice e = value atom e.
Proof.
assert (exact : forall e', size atom e' < bpow radix2 (p - lattice e') -> (lattice e' <= - emin)%Z ->
  rnd emin p choice (value atom e') = value atom e').
{ intros e' small coarse; apply round_generic; [apply valid_rnd_N|].
  apply representable with (1 := coarse) (2 := value_multiple e').
  apply Rle_lt_trans with (2 := small), size_ge. }
induction e as [i|a IHa b IHb|a IHa b IHb]; intros [small [coarse rest]]; [easy| |]; destruct rest as [fa fb]; simpl.
- rewrite IHa, IHb by easy; exact (exact (Add a b) small coarse).
- rewrite IHa, IHb by easy; exact (exact (Mul a b) small coarse).
Qed.
End Lattice.
