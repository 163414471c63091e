(** Over the real numbers, the reverse sweep is the derivative of the loss of the unrolled network: the chain rule.

    [f t] is one step, (state before, parameters) -> state, and [E t] the loss of a step. The hypotheses say that [J t],
    [F t] and [c t], which the code calls local derivatives, are the differentials of step and loss at the point through
    which the network passes. A step with a jump has no differential there; its pseudo-derivative is outside this file.
    Row vectors, as in mathcomp-analysis. *)
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat choice fintype bigop ssralg zmodp matrix.
From mathcomp.classical Require Import boolp classical_sets functions.
From mathcomp.analysis Require Import reals topology normedtype derive.
From Gradcert Require Import Layer.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory numFieldTopology.Exports numFieldNormedType.Exports.
Open Scope ring_scope.

Section Derivative.
Variables (R : realType) (n p : nat).
Notation states := 'rV[R]_n.+1.
Notation parameters := 'rV[R]_p.+1.
Variables (f : nat -> states * parameters -> states) (E : nat -> states -> R^o).
Variables (initial : states) (w : parameters).

(** The network, unrolled, as a function of its parameters. *)
Fixpoint state t (v : parameters) : states := f t (if t is t'.+1 then state t' v else initial, v).
Fixpoint loss T (v : parameters) : R^o := if T is T'.+1 then loss T' v + E T' (state T' v) else 0.
Definition before t := if t is t'.+1 then state t' w else initial.

Variables (J : nat -> 'M[R]_n.+1) (F : nat -> 'M[R]_(n.+1, p.+1)) (c : nat -> 'rV[R]_n.+1).
Hypothesis step_differentiable : forall t, differentiable (f t) (before t, w).
Hypothesis step_differential : forall t h k, 'd (f t) (before t, w) (h, k) = h *m (J t)^T + k *m (F t)^T.
Hypothesis loss_differentiable : forall t, differentiable (E t) (state t w).
Hypothesis loss_differential : forall t h, 'd (E t) (state t w) h = (c t *m h^T) 0 0.

(** [differential g w L]: g is differentiable at w, and its differential is L. *)
Definition has_differential (V : normedModType R) (g : parameters -> V) (L : parameters -> V) :=
  differentiable g w /\ forall h, 'd g w h = L h.

Lemma step_chain t (g : parameters -> states) L : g w = before t -> has_differential g L ->
  has_differential (fun v => f t (g v, v)) (fun h => L h *m (J t)^T + h *m (F t)^T).
Proof.
move=> gw [dg gL]; pose pair v := (g v, v).
have did : differentiable (@id parameters) w by exact: ex_diff.
have dpair : differentiable pair w := differentiable_pair dg did.
have df : differentiable (f t) (pair w) by rewrite /pair gw.
split=> [|h]; first exact: (differentiable_comp dpair df).
apply: etrans (congr1 (fun k => k h) (diff_comp dpair df)) _.
have pairL : 'd pair w h = (L h, h).
  by apply: etrans (congr1 (fun k => k h) (diff_pair dg did)) _; rewrite -gL; congr (_, _); rewrite diff_val.
by apply: etrans (congr1 ('d (f t) (pair w)) pairL) _; rewrite /pair gw; exact: step_differential.
Qed.

Lemma constant_differential (V : normedModType R) (a : V) : has_differential (cst a) (fun=> 0).
Proof. by split=> [|h]; [exact: differentiable_cst | exact: (congr1 (fun k => k h) (diff_cst a w))]. Qed.

(** The trace of real-time recurrent learning is the differential of the state. *)
Theorem trace_is_differential t : has_differential (state t) (fun h => h *m (trace J F t)^T).
Proof.
elim: t => [|t IH].
  have [ds dL] := step_chain (erefl (before 0)) (constant_differential initial).
  by split=> [|h]; [exact: ds | apply: etrans (dL h) _; rewrite mul0mx add0r].
have [ds dL] := step_chain (erefl (before t.+1)) IH.
by split=> [|h]; [exact: ds | apply: etrans (dL h) _; rewrite -mulmxA -trmx_mul -mulmxDr -linearD].
Qed.

(** The loss of T steps is differentiable, and the reverse sweep is its gradient. *)
Theorem reverse_is_derivative T : has_differential (loss T) (fun h => (reverse J F c T *m h^T) 0 0).
Proof.
rewrite -forward_is_reverse; elim: T => [|T [dloss lossL]].
  have [d0 L0] := constant_differential (0 : R^o).
  by split=> [|h]; [exact: d0 | apply: etrans (L0 h) _; rewrite /forward big_ord0 mul0mx mxE].
have [ds dsL] := trace_is_differential T.
have dE : differentiable (E T) (state T w) by exact: loss_differentiable.
have dEs : differentiable (E T \o state T) w := differentiable_comp ds dE.
split=> [|h]; first exact: (differentiableD dloss dEs).
apply: etrans (congr1 (fun k => k h) (diffD dloss dEs)) _.
rewrite /forward big_ord_recr mulmxDl [RHS]mxE -[X in _ = X + _]lossL; congr (_ + _).
apply: etrans (congr1 (fun k => k h) (diff_comp ds dE)) _; apply: etrans (loss_differential _ _) _.
by rewrite dsL trmx_mul trmxK mulmxA.
Qed.
End Derivative.
