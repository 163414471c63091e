(** Windows in one layer: the reverse sweep that looks ahead w - 1 steps computes the sum over paths of fewer than w. *)
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop ssralg div zmodp matrix.
From Gradcert Require Import Layer.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

Section Window.
Variables (R : ringType) (m p : nat).
Variables (J : nat -> 'M[R]_m) (F : nat -> 'M[R]_(m, p)) (c : nat -> 'rV[R]_m).

Definition path s k : 'rV[R]_p := c (s + k)%N *m flow J s k *m F s.
Definition windowed w T := \sum_(s < T) \sum_(k < T - s | (k < w)%N) path s k.
Definition beyond w T := \sum_(s < T) \sum_(k < T - s | (w <= k)%N) path s k.

Theorem window_plus_beyond w T : gradient J F c T = windowed w T + beyond w T.
Proof.
rewrite -big_split; apply: eq_bigr => s _; rewrite (bigID (fun k : 'I__ => (k < w)%N)) /=.
by congr (_ + _); apply: eq_bigl => k; rewrite -leqNgt.
Qed.

Theorem window_sweep w T : windowed w.+1 T = \sum_(t < T) adjoint J c t (minn w (T - t).-1) *m F t.
Proof.
apply: eq_bigr => s _; rewrite adjointE mulmx_suml -minnSS prednK ?subn_gt0 //.
rewrite -(big_mkord xpredT (path s)) (big_nat_widen _ _ (T - s)) ?geq_minr // big_mkord.
by apply: eq_bigl => k; rewrite leq_min ltn_ord andbT.
Qed.

(** A window as long as the sequence is no window. *)
Corollary window_exact w T : (T <= w)%N -> windowed w T = gradient J F c T.
Proof.
move=> le_Tw; rewrite (window_plus_beyond w) [beyond _ _]big1 ?addr0 // => s _.
rewrite big_pred0 // => k; apply/negbTE; rewrite -ltnNge.
exact: leq_trans (ltn_ord k) (leq_trans (leq_subr s T) le_Tw).
Qed.

(** Chunks ([state.detach()] between parts): one rule of [Kept], which drops the step into every multiple of w. *)
Definition chunked w t : 'M[R]_m := if (w %| t)%N then 0 else J t.
Theorem chunk_flow w s k : flow (chunked w) s k = if [exists i : 'I_k, (w %| (s + i.+1))%N] then 0 else flow J s k.
Proof.
elim: k => [|k IH] /=; first by case: ifP => // /existsP[[]].
rewrite IH /chunked; case div_last : (w %| _)%N.
  by rewrite mul0mx; case: existsP => // -[]; exists ord_max.
case: ifP => [/existsP[i div_i]|none].
  by rewrite mulmx0; case: existsP => // -[]; exists (widen_ord (leqnSn k) i).
case: existsP => // -[i]; case: (unliftP ord_max i) => [j|] -> div_i; last by rewrite div_i in div_last.
by case/existsP: none; exists j; move: div_i; rewrite lift_max.
Qed.
End Window.
