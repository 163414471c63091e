(** One layer, of every width, length and number of parameters: three ways to write one gradient.

    In matrices, with the letters of the derivations; rows and columns do not commute, and neither does the ring.

      J t   d(state at t) / d(state at t - 1), all paths within the step included
      F t   immediate derivative of the state at t by the parameters
      c t   credit that the loss gives to the state at t                                   *)
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop ssralg zmodp matrix.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

Section Layer.
Variables (R : ringType) (m p : nat).
Implicit Types (J : nat -> 'M[R]_m) (F : nat -> 'M[R]_(m, p)) (c : nat -> 'rV[R]_m).

(** J (s + k) ... J (s + 1): what the state at [s + k] feels of the state at [s]. *)
Fixpoint flow J (s k : nat) : 'M[R]_m := if k is k'.+1 then J (s + k)%N *m flow J s k' else 1%:M.

(** The definition: a parameter acts at step [s], and the loss charges step [s + k]. *)
Definition gradient J F c T : 'rV[R]_p := \sum_(s < T) \sum_(k < T - s) c (s + k)%N *m flow J s k *m F s.

(** Real-time recurrent learning: one trace is carried, and nothing else of the past. *)
Fixpoint trace J F (t : nat) : 'M[R]_(m, p) := if t is t'.+1 then J t *m trace J F t' + F t else F 0%N.
Definition forward J F c T : 'rV[R]_p := \sum_(t < T) c t *m trace J F t.

(** Backpropagation through time: the credit of step [t] when [k] steps follow it. *)
Fixpoint adjoint J c (t k : nat) : 'rV[R]_m := c t + if k is k'.+1 then adjoint J c t.+1 k' *m J t.+1 else 0.
Definition reverse J F c T : 'rV[R]_p := \sum_(t < T) adjoint J c t (T - t).-1 *m F t.

(** A flow may be cut after its first step as well as before its last. *)
Lemma flow_shift J s k : flow J s k.+1 = flow J s.+1 k *m J s.+1.
Proof.
elim: k => [|k IH]; first by rewrite /= addn1 mulmx1 mul1mx.
rewrite -[flow J s k.+2]/(J (s + k.+2)%N *m flow J s k.+1) IH mulmxA.
by rewrite -[flow J s.+1 k.+1]/(J (s.+1 + k.+1)%N *m flow J s.+1 k) addSnnS.
Qed.

Lemma adjointE J c t k : adjoint J c t k = \sum_(i < k.+1) c (t + i)%N *m flow J t i.
Proof.
elim: k t => [|k IH] t; first by rewrite big_ord1 addn0 mulmx1 /= addr0.
rewrite -[adjoint _ _ _ _]/(c t + adjoint J c t.+1 k *m J t.+1) IH mulmx_suml [RHS]big_ord_recl addn0 mulmx1.
by congr (_ + _); apply: eq_bigr => i _; rewrite lift0 flow_shift mulmxA addSnnS.
Qed.

Lemma traceE J F t : trace J F t = \sum_(s < t.+1) flow J s (t - s) *m F s.
Proof.
elim: t => [|t IH]; first by rewrite big_ord1 mul1mx.
rewrite [LHS]/= IH mulmx_sumr [RHS]big_ord_recr /= subnn mul1mx; congr (_ + _); apply: eq_bigr => s _.
by have le_st : (s <= t)%N by [rewrite -ltnS]; rewrite subSn //= addnS subnKC // mulmxA.
Qed.

(** The same pairs of steps, counted by the later or by the earlier of the two. *)
Lemma triangle (V : zmodType) (f : nat -> nat -> V) T :
  \sum_(t < T) \sum_(s < t.+1) f s (t - s)%N = \sum_(s < T) \sum_(k < T - s) f s k.
Proof.
elim: T => [|T IH]; first by rewrite !big_ord0.
rewrite big_ord_recr [RHS]big_ord_recr /= {}IH subSnn big_ord1 big_ord_recr /= subnn addrA -big_split /=.
by congr (_ + _); apply: eq_bigr => s _; rewrite subSn ?big_ord_recr // ltnW.
Qed.

Theorem reverse_is_gradient J F c T : reverse J F c T = gradient J F c T.
Proof. by apply: eq_bigr => s _; rewrite adjointE mulmx_suml prednK ?subn_gt0. Qed.

Theorem forward_is_gradient J F c T : forward J F c T = gradient J F c T.
Proof.
rewrite /gradient -(triangle (fun s k => c (s + k)%N *m flow J s k *m F s)).
apply: eq_bigr => t _; rewrite traceE mulmx_sumr; apply: eq_bigr => s _.
by rewrite mulmxA subnKC // -ltnS.
Qed.

Corollary forward_is_reverse J F c T : forward J F c T = reverse J F c T.
Proof. by rewrite forward_is_gradient reverse_is_gradient. Qed.

Lemma eq_adjoint J1 J2 c1 c2 t k : J1 =1 J2 -> c1 =1 c2 -> adjoint J1 c1 t k = adjoint J2 c2 t k.
Proof. by move=> eqJ eqc; elim: k t => [|k IH] t /=; rewrite eqc ?IH ?eqJ. Qed.

Lemma eq_trace J1 J2 F1 F2 t : J1 =1 J2 -> F1 =1 F2 -> trace J1 F1 t = trace J2 F2 t.
Proof. by move=> eqJ eqF; elim: t => [|t IH] /=; rewrite eqF ?IH ?eqJ. Qed.

(** A trace is linear in what feeds it. *)
Lemma traceD J F G t : trace J (fun s => F s + G s) t = trace J F t + trace J G t.
Proof. by elim: t => [|t IH] //=; rewrite IH mulmxDr addrACA. Qed.
End Layer.
