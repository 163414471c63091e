(** The traces of OTTT and of diagonal rules: why n numbers, or one per synapse, are enough.

    A weight matrix W takes [x t] into the state, v^t = (leak) v^(t-1) + W x^t. The theorems are stated along a
    direction [dW] in which W moves: the derivative along dW is the trace of (gradient dW^T), so they name the whole
    gradient. *)
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop ssralg zmodp matrix.
From Gradcert Require Import Layer.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

Section Ottt.
Variables (R : comRingType) (m n : nat) (x : nat -> 'cV[R]_n) (c : nat -> 'rV[R]_m).

(** ** One leak for all units: the trace belongs to the presynaptic neuron *)
Variable lam : nat -> R.
Fixpoint presynaptic t : 'cV[R]_n := if t is t'.+1 then lam t *: presynaptic t' + x t else x 0%N.

(** Credit of a unit times the trace of an input, summed over the steps. *)
Definition ottt T : 'M[R]_(m, n) := \sum_(t < T) (c t)^T *m (presynaptic t)^T.

Lemma trace_factorises (dW : 'M[R]_(m, n)) t :
  trace (fun t => (lam t)%:M) (fun t => dW *m x t) t = dW *m presynaptic t.
Proof. by elim: t => [|t IH] //=; rewrite IH mulmxDr mul_scalar_mx scalemxAr. Qed.

Theorem ottt_is_gradient (dW : 'M[R]_(m, n)) T :
  gradient (fun t => (lam t)%:M) (fun t => dW *m x t) c T = (\tr (ottt T *m dW^T))%:M.
Proof.
rewrite -forward_is_gradient [LHS]mx11_scalar; congr _%:M.
rewrite /forward /ottt mulmx_suml raddf_sum summxE; apply: eq_bigr => t _.
have -> : (c t)^T *m (presynaptic t)^T *m dW^T = (dW *m presynaptic t *m c t)^T by rewrite !trmx_mul mulmxA.
by rewrite trace_factorises [RHS]mxtrace_tr mxtrace_mulC /mxtrace big_ord1.
Qed.

(** The bias: its trace counts, discounted by the leak. *)
Fixpoint bias_trace t : R := if t is t'.+1 then lam t * bias_trace t' + 1 else 1.

Theorem bias_is_gradient (db : 'cV[R]_m) T :
  gradient (fun t => (lam t)%:M) (fun=> db) c T = \sum_(t < T) bias_trace t *: (c t *m db).
Proof.
rewrite -forward_is_gradient; apply: eq_bigr => t _; rewrite scalemxAr; congr (_ *m _).
by elim: {t}(t : nat) => [|t IH] /=; rewrite ?scale1r // IH mul_scalar_mx scalerA scalerDl scale1r.
Qed.

(** ** A leak (and a diagonal reset) per unit: one trace per synapse *)
Variable leak : nat -> 'rV[R]_m.
Definition everywhere t : 'M[R]_(m, n) := \matrix_(i, j) x t j 0.
Fixpoint synaptic t : 'M[R]_(m, n) :=
  if t is t'.+1 then diag_mx (leak t) *m synaptic t' + everywhere t else everywhere 0.

(** Row i of W is charged with entry i of the credit. *)
Definition per_synapse T : 'M[R]_(m, n) := \sum_(t < T) diag_mx (c t) *m synaptic t.

Lemma trace_per_synapse (dW : 'M[R]_(m, n)) t :
  trace (fun t => diag_mx (leak t)) (fun t => dW *m x t) t = \col_i \sum_j synaptic t i j * dW i j.
Proof.
elim: t => [|t IH] /=; last rewrite IH mul_diag_mx; apply/colP => i; rewrite !mxE.
  by apply: eq_bigr => j _; rewrite mxE mulrC.
rewrite mulr_sumr -big_split; apply: eq_bigr => j _.
by rewrite mul_diag_mx !mxE mulrDl mulrA [dW i j * _]mulrC.
Qed.

Theorem per_synapse_is_gradient (dW : 'M[R]_(m, n)) T :
  gradient (fun t => diag_mx (leak t)) (fun t => dW *m x t) c T = (\tr (per_synapse T *m dW^T))%:M.
Proof.
rewrite -forward_is_gradient [LHS]mx11_scalar; congr _%:M.
rewrite /forward /per_synapse mulmx_suml raddf_sum summxE; apply: eq_bigr => t _.
rewrite trace_per_synapse mul_diag_mx mxE; apply: eq_bigr => i _.
by rewrite !mxE mulr_sumr; apply: eq_bigr => j _; rewrite !mxE mulrA.
Qed.
End Ottt.
