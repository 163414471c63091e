(** What rounding can do to a polynomial, underflow included: the algebra behind the judge's error budgets.

    An expression adds and multiplies atoms. Three numbers are kept beside its value:

      size    the sum of the absolute values of its monomials (M)
      count   the largest number of roundings that one monomial meets
      low     what underflow can add: eta, half the smallest positive number, per multiplication, times what it is
              multiplied by later

    A computed sum is exact up to a factor 1 + d with |d| <= u: it cannot underflow. A computed product is exact up to
    such a factor and an absolute error of at most eta. Then every value that an evaluation may return lies within

      ((1 + u)^n - 1) M  +  (1 + u)^n low                 in the given order of evaluation                [in_order]
      ((1 + u)^n - 1) M  +  (1 + u)^n ((1 + eta)^k - 1) G   in every order that rounds no monomial more than n times
                            and multiplies into none more than k times; G is M with every atom at least 1  [any_order]

    and (1 + u)^n - 1 <= n u / (1 - n u), Higham's gamma. Flocq's binary arithmetic with gradual underflow is such
    an evaluation [flocq_in_order, flocq_any_order]. Overflow is not modelled. *)
Require Import Reals Lra Lia List Permutation ZArith.
From Flocq Require Import Core Relative Plus_error.
Import ListNotations.
Open Scope R_scope.
Set Implicit Arguments.

Inductive expression :=
| Atom (i : nat)
| Add (a b : expression)
| Mul (a b : expression).

Lemma ge1_mul a b : 1 <= a -> 1 <= b -> 1 <= a * b.
Proof. intros; rewrite <- (Rmult_1_l 1); apply Rmult_le_compat; lra. Qed.

Lemma le_scaled a x : 1 <= a -> 0 <= x -> x <= a * x.
Proof. intros; rewrite <- (Rmult_1_l x) at 1; apply Rmult_le_compat_r; lra. Qed.

Section Budget.
Variable atom : nat -> R.

Fixpoint value e := match e with Atom i => atom i | Add a b => value a + value b | Mul a b => value a * value b end.
Fixpoint size e := match e with Atom i => Rabs (atom i) | Add a b => size a + size b | Mul a b => size a * size b end.
Fixpoint count e : nat :=
  match e with Atom _ => 0 | Add a b => S (Nat.max (count a) (count b)) | Mul a b => S (count a + count b) end.

(** The same with every atom at least 1, and the largest number of multiplications that one monomial meets. *)
Fixpoint grand e :=
  match e with Atom i => Rmax 1 (Rabs (atom i)) | Add a b => grand a + grand b | Mul a b => grand a * grand b end.
Fixpoint products e : nat :=
  match e with Atom _ => 0 | Add a b => Nat.max (products a) (products b) | Mul a b => S (products a + products b) end.

(** ** Multiplied out: a monomial is the list of its atoms *)
Fixpoint monomials e : list (list nat) :=
  match e with
  | Atom i => [[i]]
  | Add a b => monomials a ++ monomials b
  | Mul a b => flat_map (fun m => map (fun m' => m ++ m') (monomials b)) (monomials a)
  end.

Definition product (f : R -> R) (m : list nat) := fold_right (fun i x => f (atom i) * x) 1 m.
Definition total f (l : list (list nat)) := fold_right (fun m x => product f m + x) 0 l.

Lemma product_app f m m' : product f (m ++ m') = product f m * product f m'.
Proof. induction m as [|i m IH]; simpl; [|rewrite IH]; ring. Qed.

Lemma total_app f l l' : total f (l ++ l') = total f l + total f l'.
Proof. induction l as [|m l IH]; simpl; [|rewrite IH]; ring. Qed.

Lemma total_mul f l l' : total f (flat_map (fun m => map (fun m' => m ++ m') l') l) = total f l * total f l'.
Proof.
induction l as [|m l IH]; simpl; [ring|]; rewrite total_app, IH, Rmult_plus_distr_r; f_equal.
clear IH; induction l' as [|m' l' IH]; simpl; [ring|]; rewrite IH, product_app; ring.
Qed.

(** Anything that starts at the atoms, adds at sums and multiplies at products is a sum over monomials. *)
Lemma over_monomials f (g : expression -> R) :
  (forall i, g (Atom i) = f (atom i)) -> (forall a b, g (Add a b) = g a + g b) ->
  (forall a b, g (Mul a b) = g a * g b) -> forall e, g e = total f (monomials e).
Proof.
intros g_atom g_add g_mul; induction e as [i|a IHa b IHb|a IHa b IHb]; simpl.
- rewrite g_atom; ring.
- now rewrite g_add, total_app, IHa, IHb.
- now rewrite g_mul, total_mul, IHa, IHb.
Qed.

(** Two arrangements of one polynomial: the same monomials in any order, each with its atoms in any order. *)
Definition rearranged e e' := exists l, Permutation (monomials e) l /\ Forall2 (@Permutation nat) l (monomials e').

Lemma rearranged_total f e e' : rearranged e e' -> total f (monomials e) = total f (monomials e').
Proof.
intros [l [P F]]; transitivity (total f l).
- clear F; induction P; simpl; lra || congruence.
- clear P; induction F as [|m m' l1 l2 pm F IH]; simpl; [easy|]; rewrite IH; f_equal.
  clear - pm; induction pm; simpl; try rewrite IHpm; try ring; congruence.
Qed.

Corollary value_rearranged e e' : rearranged e e' -> value e = value e'.
Proof. intro same; rewrite 2!(over_monomials (fun x => x) value) by easy; now apply rearranged_total. Qed.

Corollary size_rearranged e e' : rearranged e e' -> size e = size e'.
Proof. intro same; rewrite 2!(over_monomials Rabs size) by easy; now apply rearranged_total. Qed.

Corollary grand_rearranged e e' : rearranged e e' -> grand e = grand e'.
Proof. intro same; rewrite 2!(over_monomials (fun x => Rmax 1 (Rabs x)) grand) by easy; now apply rearranged_total. Qed.

Lemma size_ge e : Rabs (value e) <= size e.
Proof.
induction e as [i|a IHa b IHb|a IHa b IHb]; simpl; [lra| |].
- apply Rle_trans with (1 := Rabs_triang _ _); lra.
- rewrite Rabs_mult; apply Rmult_le_compat; easy || apply Rabs_pos.
Qed.

Lemma size_ge0 e : 0 <= size e.
Proof. apply Rle_trans with (2 := size_ge e); apply Rabs_pos. Qed.

Lemma grand_ge e : 1 <= grand e /\ size e <= grand e.
Proof.
induction e as [i|a [a1 aS] b [b1 bS]|a [a1 aS] b [b1 bS]]; simpl.
- split; [apply Rmax_l | apply Rmax_r].
- lra.
- assert (Za := size_ge0 a); assert (Zb := size_ge0 b); split; [nra|]; apply Rmult_le_compat; lra.
Qed.

(** ** One order of evaluation *)
Section Rounding.
Variables u eta : R.
Hypotheses (u_ge0 : 0 <= u) (eta_ge0 : 0 <= eta).

Fixpoint low e :=
  match e with
  | Atom _ => 0
  | Add a b => low a + low b
  | Mul a b => size a * low b + low a * size b + low a * low b + eta
  end.

(** What an evaluation may return. *)
Inductive returns : expression -> R -> Prop :=
| ret_atom i : returns (Atom i) (atom i)
| ret_add a b x y d : returns a x -> returns b y -> Rabs d <= u -> returns (Add a b) ((x + y) * (1 + d))
| ret_mul a b x y d h : returns a x -> returns b y -> Rabs d <= u -> Rabs h <= eta ->
    returns (Mul a b) (x * y * (1 + d) + h).

Definition grown n := (1 + u) ^ n.
Definition gamma n := INR n * u / (1 - INR n * u).

Lemma grown_ge1 n : 1 <= grown n.
Proof. apply pow_R1_Rle; lra. Qed.

Lemma grown_mono n m : (n <= m)%nat -> grown n <= grown m.
Proof. intro; apply Rle_pow; lra || easy. Qed.

Theorem grown_gamma n : INR n * u < 1 -> grown n - 1 <= gamma n.
Proof.
intro small; assert (step : forall k, grown k * (1 - INR k * u) <= 1).
{ unfold grown; induction k as [|k IH]; [simpl; lra|]; rewrite S_INR; simpl.
  apply Rle_trans with (2 := IH); assert (0 <= INR k) by apply pos_INR.
  assert (0 <= (1 + u) ^ k) by (apply pow_le; lra).
  replace ((1 + u) * (1 + u) ^ k * (1 - (INR k + 1) * u))
    with ((1 + u) ^ k * (1 - INR k * u - (INR k + 1) * (u * u))) by ring.
  assert (0 <= (INR k + 1) * (u * u)) by (apply Rmult_le_pos; [lra | now apply Rmult_le_pos]).
  apply Rmult_le_compat_l; lra. }
unfold gamma; apply Rmult_le_reg_r with (1 - INR n * u); [lra|].
unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra; specialize (step n); lra.
Qed.

Lemma low_ge0 e : 0 <= low e.
Proof.
induction e as [i|a IHa b IHb|a IHa b IHb]; simpl; [lra|lra|].
assert (Za := size_ge0 a); assert (Zb := size_ge0 b).
assert (0 <= size a * low b) by now apply Rmult_le_pos.
assert (0 <= low a * size b) by now apply Rmult_le_pos.
assert (0 <= low a * low b) by now apply Rmult_le_pos.
lra.
Qed.

(** The error of a node from those of its operands: one lemma for sums, one for products. [g] is a growth so far. *)
Lemma add_step g x y va vb sa sb la lb d : 1 <= g -> Rabs d <= u -> Rabs va <= sa -> Rabs vb <= sb ->
  Rabs (x - va) <= (g - 1) * sa + g * la -> Rabs (y - vb) <= (g - 1) * sb + g * lb ->
  Rabs ((x + y) * (1 + d) - (va + vb)) <= ((1 + u) * g - 1) * (sa + sb) + (1 + u) * g * (la + lb).
Proof.
intros g1 hd Va Vb Ea Eb.
replace ((x + y) * (1 + d) - (va + vb)) with ((x - va) + (y - vb) + d * (x + y)) by ring.
assert (X : Rabs x <= g * (sa + la)).
{ replace x with ((x - va) + va) by ring; apply Rle_trans with (1 := Rabs_triang _ _); lra. }
assert (Y : Rabs y <= g * (sb + lb)).
{ replace y with ((y - vb) + vb) by ring; apply Rle_trans with (1 := Rabs_triang _ _); lra. }
assert (D : Rabs (d * (x + y)) <= u * (g * (sa + la) + g * (sb + lb))).
{ rewrite Rabs_mult; apply Rmult_le_compat; [apply Rabs_pos|apply Rabs_pos|easy|].
  apply Rle_trans with (1 := Rabs_triang _ _); lra. }
apply Rle_trans with (1 := Rabs_triang _ _).
assert (T := Rabs_triang (x - va) (y - vb)); lra.
Qed.

Lemma mul_step g h x y va vb sa sb la lb d k : 1 <= g -> 1 <= h -> Rabs d <= u -> Rabs k <= eta ->
  0 <= la -> 0 <= lb -> Rabs va <= sa -> Rabs vb <= sb ->
  Rabs (x - va) <= (g - 1) * sa + g * la -> Rabs (y - vb) <= (h - 1) * sb + h * lb ->
  Rabs (x * y * (1 + d) + k - va * vb)
  <= ((1 + u) * (g * h) - 1) * (sa * sb) + (1 + u) * (g * h) * (sa * lb + la * sb + la * lb + eta).
Proof.
intros g1 h1 hd hk La Lb Va Vb Ea Eb.
assert (Sa : 0 <= sa) by (apply Rle_trans with (2 := Va); apply Rabs_pos).
assert (Sb : 0 <= sb) by (apply Rle_trans with (2 := Vb); apply Rabs_pos).
replace (x * y * (1 + d) + k - va * vb) with ((x - va) * y + va * (y - vb) + d * (x * y) + k) by ring.
assert (X : Rabs x <= g * (sa + la)).
{ replace x with ((x - va) + va) by ring; apply Rle_trans with (1 := Rabs_triang _ _); lra. }
assert (Y : Rabs y <= h * (sb + lb)).
{ replace y with ((y - vb) + vb) by ring; apply Rle_trans with (1 := Rabs_triang _ _); lra. }
assert (P1 : Rabs ((x - va) * y) <= ((g - 1) * sa + g * la) * (h * (sb + lb))).
{ rewrite Rabs_mult; apply Rmult_le_compat; easy || apply Rabs_pos. }
assert (P2 : Rabs (va * (y - vb)) <= sa * ((h - 1) * sb + h * lb)).
{ rewrite Rabs_mult; apply Rmult_le_compat; easy || apply Rabs_pos. }
assert (P3 : Rabs (d * (x * y)) <= u * (g * (sa + la) * (h * (sb + lb)))).
{ rewrite 2!Rabs_mult; apply Rmult_le_compat; [apply Rabs_pos| |easy|].
  - apply Rmult_le_pos; apply Rabs_pos.
  - apply Rmult_le_compat; easy || apply Rabs_pos. }
assert (T1 := Rabs_triang ((x - va) * y + va * (y - vb) + d * (x * y)) k).
assert (T2 := Rabs_triang ((x - va) * y + va * (y - vb)) (d * (x * y))).
assert (T3 := Rabs_triang ((x - va) * y) (va * (y - vb))).
assert (K : eta <= (1 + u) * (g * h) * eta).
{ apply le_scaled; [|easy]; apply ge1_mul; [lra | now apply ge1_mul]. }
lra.
Qed.

Theorem in_order e x : returns e x -> Rabs (x - value e) <= (grown (count e) - 1) * size e + grown (count e) * low e.
Proof.
induction 1 as [i|a b x y d _ IHa _ IHb hd|a b x y d h _ IHa _ IHb hd hh].
- simpl; replace (atom i - atom i) with 0 by ring; rewrite Rabs_R0; unfold grown; simpl; lra.
- set (k := Nat.max (count a) (count b)).
  assert (wider : forall c z s l, (c <= k)%nat -> 0 <= s -> 0 <= l ->
    z <= (grown c - 1) * s + grown c * l -> z <= (grown k - 1) * s + grown k * l).
  { intros c z s l le hs hl hz; assert (G := grown_mono le); assert (G1 := grown_ge1 c); nra. }
  apply wider in IHa; [|apply Nat.le_max_l|apply size_ge0|apply low_ge0].
  apply wider in IHb; [|apply Nat.le_max_r|apply size_ge0|apply low_ge0].
  change (grown (count (Add a b))) with ((1 + u) * grown k).
  apply add_step; easy || apply grown_ge1 || apply size_ge.
- replace (grown (count (Mul a b))) with ((1 + u) * (grown (count a) * grown (count b)))
    by (unfold grown; simpl; now rewrite pow_add).
  apply mul_step; easy || apply grown_ge1 || apply size_ge || apply low_ge0.
Qed.

(** Without underflow: the standard model. *)
Corollary no_underflow e x : eta = 0 -> returns e x -> Rabs (x - value e) <= (grown (count e) - 1) * size e.
Proof.
intros none ret; assert (L : low e = 0).
{ clear ret; induction e as [i|a IHa b IHb|a IHa b IHb]; simpl; [easy| |]; rewrite IHa, IHb, ?none; ring. }
assert (I := in_order ret); rewrite L in I; lra.
Qed.

(** ** Every order of evaluation *)
Lemma low_grand e : low e <= ((1 + eta) ^ products e - 1) * grand e.
Proof.
assert (P1 : forall k, 1 <= (1 + eta) ^ k) by (intro; apply pow_R1_Rle; lra).
induction e as [i|a IHa b IHb|a IHa b IHb].
- simpl; lra.
- change (products (Add a b)) with (Nat.max (products a) (products b)); simpl.
  assert (Ga := grand_ge a); assert (Gb := grand_ge b).
  assert (Ha : (1 + eta) ^ products a <= (1 + eta) ^ Nat.max (products a) (products b)) by (apply Rle_pow; lra || lia).
  assert (Hb : (1 + eta) ^ products b <= (1 + eta) ^ Nat.max (products a) (products b)) by (apply Rle_pow; lra || lia).
  nra.
- simpl; rewrite pow_add; assert (Pa := P1 (products a)); assert (Pb := P1 (products b)).
  set (ha := (1 + eta) ^ products a) in *; set (hb := (1 + eta) ^ products b) in *.
  destruct (grand_ge a) as [a1 aS]; destruct (grand_ge b) as [b1 bS].
  assert (Za := size_ge0 a); assert (Zb := size_ge0 b); assert (La := low_ge0 a); assert (Lb := low_ge0 b).
  assert (A : size a * low b <= grand a * ((hb - 1) * grand b)) by (apply Rmult_le_compat; easy).
  assert (B : low a * size b <= (ha - 1) * grand a * grand b) by (apply Rmult_le_compat; easy).
  assert (C : low a * low b <= (ha - 1) * grand a * ((hb - 1) * grand b)) by (apply Rmult_le_compat; easy).
  assert (E : eta <= ha * hb * eta * (grand a * grand b)).
  { replace (ha * hb * eta * (grand a * grand b)) with (ha * hb * (grand a * grand b) * eta) by ring.
    now apply le_scaled; [apply ge1_mul; apply ge1_mul|]. }
  lra.
Qed.

Theorem any_order n k e e' x :
  rearranged e e' -> (count e' <= n)%nat -> (products e' <= k)%nat -> returns e' x ->
  Rabs (x - value e) <= (grown n - 1) * size e + grown n * (((1 + eta) ^ k - 1) * grand e).
Proof.
intros same few_n few_k ret; rewrite (value_rearranged same), (size_rearranged same), (grand_rearranged same).
apply Rle_trans with (1 := in_order ret).
assert (G := grown_mono few_n); assert (G1 := grown_ge1 (count e')); assert (S := size_ge0 e').
assert (L := low_grand e'); assert (L0 := low_ge0 e'); destruct (grand_ge e') as [B1 _].
assert (P : (1 + eta) ^ products e' <= (1 + eta) ^ k) by (apply Rle_pow; lra || easy).
assert (Lk : low e' <= ((1 + eta) ^ k - 1) * grand e') by nra.
apply Rplus_le_compat; [apply Rmult_le_compat_r; lra|]; apply Rmult_le_compat; lra.
Qed.
End Rounding.

(** ** Flocq: p binary digits, smallest exponent emin, gradual underflow, to nearest with ties in any way *)
Section Flocq.
Variables emin p : Z.
Context (p_gt_0 : Prec_gt_0 p).
Variable choice : Z -> bool.
Definition rnd x := round radix2 (FLT_exp emin p) (Znearest choice) x.
Definition unit := / 2 * bpow radix2 (- p + 1).
Definition half_smallest := / 2 * bpow radix2 emin.
Definition stored x := generic_format radix2 (FLT_exp emin p) x.

Fixpoint computed e :=
  match e with
  | Atom i => atom i
  | Add a b => rnd (computed a + computed b)
  | Mul a b => rnd (computed a * computed b)
  end.
Hypothesis atoms_stored : forall i, stored (atom i).

Lemma computed_stored e : stored (computed e).
Proof.
destruct e; simpl; [easy| |]; apply generic_format_round; try apply FLT_exp_valid; try apply valid_rnd_N; easy.
Qed.

Lemma u_ro_unit : u_ro radix2 p / (1 + u_ro radix2 p) <= unit.
Proof.
unfold u_ro, unit; assert (0 < bpow radix2 (- p + 1)) by apply bpow_gt_0.
set (v := / 2 * bpow radix2 (- p + 1)); assert (0 < v) by (unfold v; lra).
apply Rmult_le_reg_r with (1 + v); [lra|]; unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra; nra.
Qed.

Lemma computed_returns e : returns unit half_smallest e (computed e).
Proof.
induction e as [i|a IHa b IHb|a IHa b IHb]; simpl; [constructor| |]; unfold rnd.
- destruct (FLT_plus_error_N_ex radix2 emin p choice _ _ (computed_stored a) (computed_stored b)) as [d [hd ->]].
  constructor; [easy|easy|]; apply Rle_trans with (1 := hd), u_ro_unit.
- destruct (error_N_FLT radix2 emin p p_gt_0 choice (computed a * computed b)) as [d [h [hd [hh [_ ->]]]]].
  now constructor.
Qed.

Lemma unit_ge0 : 0 <= unit.
Proof. unfold unit; assert (0 < bpow radix2 (- p + 1)) by apply bpow_gt_0; lra. Qed.
Lemma half_smallest_ge0 : 0 <= half_smallest.
Proof. unfold half_smallest; assert (0 < bpow radix2 emin) by apply bpow_gt_0; lra. Qed.

Theorem flocq_in_order e :
  Rabs (computed e - value e) <= (grown unit (count e) - 1) * size e + grown unit (count e) * low half_smallest e.
Proof. apply (in_order unit_ge0 half_smallest_ge0), computed_returns. Qed.

Theorem flocq_any_order n k e e' : rearranged e e' -> (count e' <= n)%nat -> (products e' <= k)%nat ->
  Rabs (computed e' - value e)
  <= (grown unit n - 1) * size e + grown unit n * (((1 + half_smallest) ^ k - 1) * grand e).
Proof.
intros same few_n few_k; apply (any_order unit_ge0 half_smallest_ge0 same few_n few_k), computed_returns.
Qed.
End Flocq.
End Budget.
