(** A rule in one layer: the Jacobian of a step is J = K + D, of which the rule keeps K and drops D.

    A path of k steps is then a word of k letters. The rule sums the words without a dropped letter, the residual all
    others, and one sweep computes the residual without forming a difference of gradients. *)
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop ssralg zmodp matrix.
From Gradcert Require Import Layer.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

Section Kept.
Variables (R : ringType) (m p : nat).
Implicit Types (K D : nat -> 'M[R]_m) (F : nat -> 'M[R]_(m, p)) (c : nat -> 'rV[R]_m).

Definition whole K D t : 'M[R]_m := K t + D t.

(** All words of [k] letters, the latest step first; true: kept. *)
Fixpoint words (k : nat) : seq (seq bool) :=
  if k is k'.+1 then [seq b :: w | b <- [:: true; false], w <- words k'] else [:: [::]].

(** The product of the steps of one word, from step [s] on. *)
Fixpoint along K D s (w : seq bool) : 'M[R]_m :=
  if w is b :: w' then (if b then K else D) (s + size w)%N *m along K D s w' else 1%:M.

(** The definition of a residual: every path with at least one dropped step. *)
Definition residual K D F c T : 'rV[R]_p :=
  \sum_(s < T) \sum_(k < T - s) \sum_(w <- words k | ~~ all id w) c (s + k)%N *m along K D s w *m F s.

Lemma size_word k w : w \in words k -> size w = k.
Proof.
elim: k w => [|k IH] w; first by rewrite inE => /eqP ->.
by case/allpairsP=> -[b v] /= [_ v_in ->] /=; rewrite IH.
Qed.

Lemma big_words (V : zmodType) k (P : pred (seq bool)) (f : seq bool -> V) :
  \sum_(w <- words k.+1 | P w) f w
  = \sum_(w <- words k | P (true :: w)) f (true :: w) + \sum_(w <- words k | P (false :: w)) f (false :: w).
Proof. by rewrite /= cats0 big_cat !big_map. Qed.

Lemma flow_words K D s k : flow (whole K D) s k = \sum_(w <- words k) along K D s w.
Proof.
elim: k => [|k IH]; first by rewrite big_seq1.
rewrite big_words [LHS]/= IH mulmxDl !mulmx_sumr; congr (_ + _).
all: by rewrite big_seq [RHS]big_seq; apply: eq_bigr => w /size_word size_w /=; rewrite size_w.
Qed.

Lemma flow_kept K D s k : flow K s k = \sum_(w <- words k | all id w) along K D s w.
Proof.
elim: k => [|k IH]; first by rewrite big_mkcond big_seq1.
rewrite big_words [LHS]/= IH [X in _ + X]big_pred0 // addr0 mulmx_sumr big_seq_cond [RHS]big_seq_cond.
by apply: eq_bigr => w /andP[/size_word size_w _] /=; rewrite size_w.
Qed.

Theorem rule_plus_residual K D F c T : gradient (whole K D) F c T = gradient K F c T + residual K D F c T.
Proof.
rewrite -big_split; apply: eq_bigr => s _; rewrite -big_split; apply: eq_bigr => k _ /=.
rewrite flow_words (bigID (all id)) -(flow_kept K D) mulmxDr mulmxDl; congr (_ + _).
by rewrite mulmx_sumr mulmx_suml.
Qed.

(** The sweep: credit that has met a dropped step on its way back travels on over all steps. *)
Fixpoint lost K D c t k : 'rV[R]_m :=
  if k is k'.+1 then lost K D c t.+1 k' *m whole K D t.+1 + adjoint K c t.+1 k' *m D t.+1 else 0.

Lemma adjoint_whole K D c t k : adjoint (whole K D) c t k = adjoint K c t k + lost K D c t k.
Proof.
elim: k t => [|k IH] t; first by rewrite addr0.
by rewrite /= IH mulmxDl [in LHS]mulmxDr -!addrA; do 2!congr (_ + _); rewrite addrC.
Qed.

Theorem residual_sweep K D F c T : \sum_(t < T) lost K D c t (T - t).-1 *m F t = residual K D F c T.
Proof.
apply: (addrI (gradient K F c T)); rewrite -rule_plus_residual -!reverse_is_gradient -big_split.
by apply: eq_bigr => t _; rewrite adjoint_whole mulmxDl.
Qed.

(** Where nothing is dropped, nothing is left out. *)
Corollary exact_rule K D F c T : (forall t, D t = 0) -> gradient K F c T = gradient (whole K D) F c T.
Proof.
move=> D0; rewrite rule_plus_residual -residual_sweep big1 ?addr0 // => t _.
suff -> k s : lost K D c s k = 0 by rewrite mul0mx.
by elim: k s => //= k IH s; rewrite IH D0 mul0mx mulmx0 addr0.
Qed.
End Kept.
