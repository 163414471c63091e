(** How large a residual can be: one submultiplicative norm and a geometric series, for every T.

    The hypotheses on the norm are met by [Norms.entries]; the code's bounds use the spectral norm and others. *)
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop ssralg
  order ssrnum zmodp matrix.
From Gradcert Require Import Layer Kept Window Stack.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Open Scope ring_scope.

Section Bound.
Variable R : realFieldType.
Variable N : forall m n, 'M[R]_(m, n) -> R.
Arguments N {m n}.
Hypothesis N0 : forall m n, N (0 : 'M_(m, n)) = 0.
Hypothesis ND : forall m n (A B : 'M_(m, n)), N (A + B) <= N A + N B.
Hypothesis NM : forall m n p (A : 'M_(m, n)) (B : 'M_(n, p)), N (A *m B) <= N A * N B.
Hypothesis N_ge0 : forall m n (A : 'M_(m, n)), 0 <= N A.

Lemma N_sum m n (I : Type) (r : seq I) (P : pred I) (A : I -> 'M_(m, n)) :
  N (\sum_(i <- r | P i) A i) <= \sum_(i <- r | P i) N (A i).
Proof.
elim/big_ind2: _ => // [|x u y v hx hy]; first by rewrite N0.
exact: le_trans (ND _ _) (ler_add hx hy).
Qed.

Lemma N_sum_const m n k (A : 'I_k -> 'M_(m, n)) a : (forall i, N (A i) <= a) -> N (\sum_i A i) <= k%:R * a.
Proof.
move=> A_le; apply: le_trans (N_sum _ _ _) _; rewrite mulr_natl -[X in _ *+ X]card_ord -sumr_const.
by apply: ler_sum => i _; apply: A_le.
Qed.

Lemma NM_le m n p (A : 'M_(m, n)) (B : 'M_(n, p)) a b : N A <= a -> N B <= b -> N (A *m B) <= a * b.
Proof. by move=> hA hB; apply: le_trans (NM _ _) _; apply: ler_pmul. Qed.

Lemma ge0 m n (A : 'M_(m, n)) a : N A <= a -> 0 <= a.
Proof. exact: le_trans (N_ge0 A). Qed.

(** ** The series *)
Lemma geometric (a : R) k : 0 <= a -> a < 1 -> \sum_(i < k) a ^+ i <= (1 - a)^-1.
Proof.
move=> a0 a1; rewrite -[X in _ <= X]mul1r ler_pdivl_mulr ?subr_gt0 // mulrC -opprB mulNr -subrX1 opprB.
by rewrite ler_subl_addr ler_addl exprn_ge0.
Qed.

Lemma geometric_from (a : R) w k : 0 <= a -> a < 1 -> \sum_(i < k | (w <= i)%N) a ^+ i <= a ^+ w / (1 - a).
Proof.
move=> a0 a1; have -> : \sum_(i < k | (w <= i)%N) a ^+ i = \sum_(w <= i < k) a ^+ i by rewrite big_geq_mkord.
rewrite -[X in index_iota X _]add0n big_addn big_mkord.
under eq_bigr do rewrite exprD mulrC.
by rewrite -mulr_sumr ler_wpmul2l ?exprn_ge0 ?geometric.
Qed.

(** ** One layer that contracts: N (J t) <= a < 1 *)
Section OneLayer.
Variables (m p : nat) (J : nat -> 'M[R]_m) (F : nat -> 'M[R]_(m, p)) (c : nat -> 'rV[R]_m) (a f q : R).
Hypotheses (a_ge0 : 0 <= a) (a_lt1 : a < 1).
Hypotheses (J_le : forall t, N (J t) <= a) (F_le : forall t, N (F t) <= f) (c_le : forall t, N (c t) <= q).

(** The trace stays below f / (1 - a), however long the sequence. *)
Theorem trace_bound t : N (trace J F t) <= f / (1 - a).
Proof.
have gap : 0 < 1 - a by rewrite subr_gt0.
have f_ge0 := ge0 (F_le 0).
elim: t => [|t IH] /=.
  by apply: le_trans (F_le 0) _; rewrite ler_pdivl_mulr // ler_pimulr // ler_subl_addr ler_addl.
apply: le_trans (ND _ _) _; apply: le_trans (ler_add (NM_le (J_le _) IH) (F_le _)) _.
rewrite ler_pdivl_mulr // mulrDl mulrA divfK ?lt0r_neq0 // mulrBr mulr1 [f * a]mulrC addrC subrK.
exact: lexx.
Qed.

Lemma flow_bound n (G : 'M_(m, n)) g s k : N G <= g -> N (flow J s k *m G) <= a ^+ k * g.
Proof.
move=> G_le; elim: k => [|k IH] /=; first by rewrite mul1mx expr0 mul1r.
by rewrite -mulmxA exprS -mulrA; apply: NM_le.
Qed.

Lemma path_bound s k : N (path J F c s k) <= q * f * a ^+ k.
Proof. by rewrite /path -mulmxA mulrAC -mulrA; apply: NM_le => //; apply: flow_bound. Qed.

(** What a window of w steps leaves out decays as a^w. *)
Theorem window_bound w T : N (beyond J F c w T) <= T%:R * (q * f * (a ^+ w / (1 - a))).
Proof.
apply: N_sum_const => s; apply: le_trans (N_sum _ _ _) _.
apply: (@le_trans _ _ (\sum_(k < T - s | (w <= k)%N) q * f * a ^+ k)); first by apply: ler_sum => k _;
  apply: path_bound.
rewrite -mulr_sumr; apply: ler_wpmul2l; last exact: geometric_from.
exact: mulr_ge0 (ge0 (c_le 0)) (ge0 (F_le 0)).
Qed.
End OneLayer.

(** ** One layer, of whose Jacobian a rule keeps K and drops D *)
Section OneRule.
Variables (m p : nat) (K D : nat -> 'M[R]_m) (F : nat -> 'M[R]_(m, p)) (c : nat -> 'rV[R]_m) (a k d f q : R).
Hypotheses (a_ge0 : 0 <= a) (a_lt1 : a < 1) (k_ge0 : 0 <= k) (k_lt1 : k < 1).
Hypotheses (J_le : forall t, N (whole K D t) <= a) (K_le : forall t, N (K t) <= k) (D_le : forall t, N (D t) <= d).
Hypotheses (F_le : forall t, N (F t) <= f) (c_le : forall t, N (c t) <= q).

(** The error of a trace is a trace of its own, fed by what is dropped of the kept trace. *)
Lemma trace_error t :
  trace (whole K D) F t - trace K F t = trace (whole K D) (fun t => if t is u.+1 then D t *m trace K F u else 0) t.
Proof.
elim: t => [|t IH] /=; first by rewrite subrr.
rewrite -IH opprD addrACA subrr addr0 mulmxBr -addrA; congr (_ + _).
by rewrite /whole mulmxDl opprD -addrA addNr addr0.
Qed.

(** A rule that drops D errs, per step, by at most q d f / ((1 - k) (1 - a)), for every T. *)
Theorem rule_bound T : N (residual K D F c T) <= T%:R * (q * (d * (f / (1 - k)) / (1 - a))).
Proof.
have -> : residual K D F c T = \sum_(t < T) c t *m (trace (whole K D) F t - trace K F t).
  apply: (addrI (gradient K F c T)); rewrite -rule_plus_residual -!forward_is_gradient -big_split.
  by apply: eq_bigr => t _; rewrite /= -mulmxDr addrC subrK.
apply: N_sum_const => t; apply: NM_le => //; rewrite trace_error.
have kept_le := trace_bound k_ge0 k_lt1 K_le F_le.
apply: trace_bound => // -[|u] /=; last exact: NM_le.
by rewrite N0; exact: mulr_ge0 (ge0 (D_le 0%N)) (ge0 (kept_le 0%N)).
Qed.
End OneRule.

(** ** OSTL in two layers: geometric in the contraction of the upper layer, and 0 where it has no memory *)
Section TwoLayers.
Variables (n : nat -> nat) (p T : nat) (U : forall d, nat -> 'M[R]_(n d, n d.+1)) (c : nat -> 'rV[R]_(n 0)).
Variables (J : forall d, nat -> 'M[R]_(n d)) (F : nat -> 'M[R]_(n 1, p)) (a b u f q : R).
Hypotheses (a_ge0 : 0 <= a) (a_lt1 : a < 1) (b_ge0 : 0 <= b) (b_lt1 : b < 1).
Hypotheses (J0_le : forall t, N (J 0%N t) <= a) (J1_le : forall t, N (J 1%N t) <= b).
Hypothesis U_le : forall t, N (U 0%N t) <= u.
Hypotheses (F_le : forall t, N (F t) <= f) (c_le : forall t, N (c t) <= q).

Theorem ostl_bound : N (stacked T U c J F - ostl T U c J F) <= T%:R * (q * (u * (f / (1 - b))) * (a / (1 - a))).
Proof.
rewrite ostl_two_layers; apply: N_sum_const => s; apply: le_trans (N_sum _ _ _) _.
have e_le := trace_bound b_ge0 b_lt1 J1_le F_le s.
have term k : N (c (s + k)%N *m flow (J 0%N) s k *m U 0%N s *m trace (J 1%N) F s) <= q * (u * (f / (1 - b))) * a ^+ k.
  by rewrite -!mulmxA mulrAC -mulrA; apply: NM_le => //; apply: flow_bound => //; apply: NM_le.
apply: (@le_trans _ _ (\sum_(k < T - s | (0 < k)%N) q * (u * (f / (1 - b))) * a ^+ k)); first exact: ler_sum.
rewrite -mulr_sumr -[in X in _ <= X](expr1 a); apply: ler_wpmul2l; last exact: geometric_from.
exact: mulr_ge0 (ge0 (c_le 0%N)) (mulr_ge0 (ge0 (U_le 0%N)) (ge0 e_le)).
Qed.
End TwoLayers.
End Bound.

(** If the error of an estimate h of a gradient g is shorter than h, then -h is a descent direction. *)
Theorem descent (R : realFieldType) p (g h : 'rV[R]_p) :
  let dot (u v : 'rV[R]_p) := (u *m v^T) 0 0 in dot (g - h) (g - h) < dot h h -> 0 < dot g h.
Proof.
move=> dot small.
have dotC u v : dot u v = dot v u by rewrite /dot -[in LHS](trmxK u) -trmx_mul mxE.
have dotB u v w : dot u (v - w) = dot u v - dot u w by rewrite /dot linearB mulmxBr !mxE.
have dot_ge0 u : 0 <= dot u u by rewrite /dot mxE sumr_ge0 // => i _; rewrite mxE -expr2 sqr_ge0.
move: small; rewrite dotB ![dot (_ - _) _]dotC !dotB [dot h g]dotC opprB addrA ltr_subl_addl => small.
have : 0 < dot g h + dot g h by apply: le_lt_trans (dot_ge0 g) _; move: small; rewrite ltr_add2r ltr_subl_addr.
by rewrite -mulr2n pmulrn_lgt0.
Qed.
