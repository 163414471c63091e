(** A stack of layers is a tape: what [Stack] proves about OSTL holds of the programs that [Graph] runs.

    The tape has one node per step and layer, its arithmetic is that of square matrices. Matrices of different shapes are
    blocks of one large matrix: object 0 is the loss, object 1 the parameters, object d + 2 the state of layer d. *)
From mathcomp Require Import all_ssreflect all_algebra.
From Gradcert Require Import Graph Tape Layer Stack.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

(** ** Blocks: any finite number of sizes fit into one matrix ring *)
Section Blocks.
Variables (R : ringType) (size_of : nat -> nat) (count : nat).
Definition places := {i : 'I_count & 'I_(size_of i)}.
Notation N := #|[finType of places]|.

Definition into (i : 'I_count) : 'M[R]_(N, size_of i) := \matrix_(x, k) (enum_val x == Tagged (fun i : 'I_count => 'I_(size_of i)) k)%:R.
Definition out (i : 'I_count) : 'M[R]_(size_of i, N) := (into i)^T.

Lemma out_into i : out i *m into i = 1%:M.
Proof.
apply/matrixP => k l; rewrite !mxE (bigD1 (enum_rank (Tagged (fun i : 'I_count => 'I_(size_of i)) k))) //=.
rewrite !mxE enum_rankK eqxx mul1r eq_Tagged /= big1 ?addr0 // => x neq_x.
rewrite !mxE; case: eqP => [eq_x|]; rewrite ?mul0r //.
by move: neq_x; rewrite -eq_x enum_valK eqxx.
Qed.
End Blocks.
