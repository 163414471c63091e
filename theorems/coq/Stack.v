(** A stack of layers, of every depth and every widths: what OSTL computes, when that is the gradient, what is missing.

    Layers are numbered from the top: layer 0 is charged by the loss, layer d + 1 lies below layer d. [n d] is the width
    of layer d, [J d t] its Jacobian from step t - 1 to t, [U d t] the derivative of its state by the state of the layer
    below, within step t. *)
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop ssralg zmodp matrix.
From Gradcert Require Import Layer Kept.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

Section Stack.
Variables (R : ringType) (n : nat -> nat) (p T : nat).
Variables (U : forall d, nat -> 'M[R]_(n d, n d.+1)) (c : nat -> 'rV[R]_(n 0)).
Implicit Types (J K D : forall d, nat -> 'M[R]_(n d)).

(** Credit of layer d: what comes down from above, each layer swept back in time over its own Jacobians. *)
Fixpoint credit J d : nat -> 'rV[R]_(n d) :=
  if d is d'.+1 then fun t => adjoint (J d') (credit J d') t (T - t).-1 *m U d' t else c.

(** The gradient of parameters that enter layer d through F. *)
Definition stacked J d (F : nat -> 'M[R]_(n d, p)) : 'rV[R]_p := gradient (J d) F (credit J d) T.

(** No memory: nothing moves through time. *)
Definition still : forall d, nat -> 'M[R]_(n d) := fun _ _ => 0.

(** OSTL: the layer's own Jacobian in full, nothing through time in the layers above it. *)
Definition ostl J d F : 'rV[R]_p := gradient (J d) F (credit still d) T.

Lemma eq_credit J1 J2 d : (forall e t, (e < d)%N -> J1 e t = J2 e t) -> credit J1 d =1 credit J2 d.
Proof.
elim: d => [|d IH] same t //=; congr (_ *m _); apply: eq_adjoint => s; first exact: same.
by apply: IH => e u lt_ed; apply: same; rewrite ltnW.
Qed.

(** Exact without memory above, whatever happens in the layer itself, for every depth and every widths. *)
Theorem ostl_exact J d (F : nat -> 'M[R]_(n d, p)) :
  (forall e t, (e < d)%N -> J e t = 0) -> ostl J F = stacked J F.
Proof.
move=> no_memory; apply: eq_bigr => s _; apply: eq_bigr => k _.
by rewrite (@eq_credit still J) // => e t /no_memory ->.
Qed.

(** Forward: the trace of layer d, carried up through the layers above. *)
Fixpoint lifted J d : (nat -> 'M[R]_(n d, p)) -> nat -> 'M[R]_(n 0, p) :=
  if d is d'.+1 then fun F => lifted J (fun t => U d' t *m trace (J d'.+1) F t) else fun F => trace (J 0%N) F.

Theorem stack_forward J d (F : nat -> 'M[R]_(n d, p)) : stacked J F = \sum_(t < T) c t *m lifted J F t.
Proof.
elim: d F => [|d IH] F; first by rewrite /stacked -forward_is_gradient.
rewrite -[lifted J F]/(lifted J (fun t => U d t *m trace (J d.+1) F t)) -IH /stacked -!reverse_is_gradient.
rewrite -[LHS]forward_is_reverse.
by apply: eq_bigr => t _; rewrite mulmxA.
Qed.

(** ** A rule that keeps K and drops D, layer by layer *)
Definition wholes K D d t : 'M[R]_(n d) := K d t + D d t.

(** What is lost when credit, of which [a] is kept and [r] is lost, is swept back through one layer. *)
Fixpoint swept m (K D : nat -> 'M[R]_m) (a r : nat -> 'rV[R]_m) t k : 'rV[R]_m :=
  r t + if k is k'.+1 then swept K D a r t.+1 k' *m (K t.+1 + D t.+1) + adjoint K a t.+1 k' *m D t.+1 else 0.

Fixpoint missing K D d : nat -> 'rV[R]_(n d) :=
  if d is d'.+1 then fun t => swept (K d') (D d') (credit K d') (missing K D d') t (T - t).-1 *m U d' t
  else fun _ => 0.

Lemma adjoint_swept m (K D : nat -> 'M[R]_m) (a r b : nat -> 'rV[R]_m) t k : (forall s, b s = a s + r s) ->
  adjoint (fun s => K s + D s) b t k = adjoint K a t k + swept K D a r t k.
Proof.
move=> split; elim: k t => [|k IH] t /=; first by rewrite split !addr0.
rewrite split IH mulmxDl [adjoint K a _ _ *m _]mulmxDr -[X in _ + X = _]addrA addrACA.
by congr (_ + (_ + _)); rewrite addrC.
Qed.

Lemma credit_split K D d t : credit (wholes K D) d t = credit K d t + missing K D d t.
Proof.
elim: d t => [|d IH] t /=; first by rewrite addr0.
by rewrite -mulmxDl; congr (_ *m _); apply: adjoint_swept.
Qed.

(** Rule + residual = gradient, in every layer of every stack; the residual by one sweep. *)
Theorem stack_plus_residual K D d (F : nat -> 'M[R]_(n d, p)) :
  stacked (wholes K D) F
  = stacked K F + \sum_(t < T) swept (K d) (D d) (credit K d) (missing K D d) t (T - t).-1 *m F t.
Proof.
rewrite /stacked -!reverse_is_gradient -big_split; apply: eq_bigr => t _ /=.
by rewrite -mulmxDl; congr (_ *m _); apply: adjoint_swept => s; exact: credit_split.
Qed.

(** ** OSTL in two layers, in closed form: the residual R of the derivation.
    Up into the upper layer at step s, at least one step through time there, then to the loss. *)
Lemma adjoint_still m (a : nat -> 'rV[R]_m) t k : adjoint (fun=> 0) a t k = a t.
Proof. by case: k => [|k] /=; rewrite ?mulmx0 addr0. Qed.

Theorem ostl_two_layers J (F : nat -> 'M[R]_(n 1, p)) :
  stacked J F - ostl J F
  = \sum_(s < T) \sum_(k < T - s | (0 < k)%N) c (s + k)%N *m flow (J 0%N) s k *m U 0%N s *m trace (J 1%N) F s.
Proof.
rewrite /stacked /ostl -!forward_is_gradient -sumrB; apply: eq_bigr => s _.
rewrite -mulmxBl -mulmx_suml; congr (_ *m _); rewrite /= -mulmxBl -mulmx_suml; congr (_ *m _).
rewrite adjoint_still adjointE prednK ?subn_gt0 // -(subnSK (ltn_ord s)).
rewrite [RHS]big_mkcond big_ord_recl [RHS]big_ord_recl /= addn0 mulmx1 add0r.
by rewrite addrC addKr.
Qed.
End Stack.
