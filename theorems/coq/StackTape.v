(** A stack of layers is a tape: what [Stack] proves about layers, and about OSTL, holds of the programs of [Graph].

    The tape has one node per step and layer. Its arithmetic is that of square matrices: a matrix of another shape is
    padded with zeros to one common size. *)
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop ssralg zmodp matrix.
From Gradcert Require Import Graph Tape Layer Stack.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

Inductive passage :=
| Through (layer : nat)  (* from a step to the next, inside a layer *)
| Up (layer : nat)       (* from the layer below into a layer, within a step *)
| Here.                  (* the site of every node *)

Section StackTape.
Variables (R : ringType) (n : nat -> nat) (p T d N : nat).
Hypotheses (n_le : forall e, (n e <= N.+1)%N) (p_le : (p <= N.+1)%N).
Variables (J : forall e, nat -> 'M[R]_(n e)) (U : forall e, nat -> 'M[R]_(n e, n e.+1)) (c : nat -> 'rV[R]_(n 0)).

(** Parameters that enter the state of every layer, layer e through [F e]. *)
Variable F : forall e, nat -> 'M[R]_(n e, p).
Variable keep : passage -> bool.

(** ** Padding *)
Definition pad m k (A : 'M[R]_(m, k)) : 'M[R]_N.+1 := pid_mx m *m A *m pid_mx k.

Lemma pid_pid k : (k <= N.+1)%N -> (pid_mx k : 'M[R]_(k, N.+1)) *m (pid_mx k : 'M_(N.+1, k)) = 1%:M.
Proof. by move=> le_k; rewrite mul_pid_mx minnn (minn_idPr le_k) pid_mx_1. Qed.

Lemma padM m k l (A : 'M[R]_(m, k)) (B : 'M_(k, l)) : (k <= N.+1)%N -> pad A * pad B = pad (A *m B).
Proof.
move=> le_k; rewrite /pad -[LHS]/(_ *m _) -!mulmxA; congr (_ *m (_ *m _)).
by rewrite !mulmxA pid_pid // mul1mx.
Qed.

Lemma padD m k (A B : 'M[R]_(m, k)) : pad (A + B) = pad A + pad B.
Proof. by rewrite /pad mulmxDr mulmxDl. Qed.

Lemma pad0 m k : pad (0 : 'M[R]_(m, k)) = 0.
Proof. by rewrite /pad mulmx0 mul0mx. Qed.

Lemma pad_sum m k I (A : I -> 'M[R]_(m, k)) r : pad (\sum_(i <- r) A i) = \sum_(i <- r) pad (A i).
Proof. by elim/big_rec2: _ => [|i x y _ <-]; rewrite ?pad0 ?padD. Qed.

(** Nothing is lost by it. *)
Lemma pad_inj m k : (m <= N.+1)%N -> (k <= N.+1)%N -> injective (@pad m k).
Proof.
move=> le_m le_k A B eq_pad.
have := congr1 (fun M => (pid_mx m : 'M_(m, N.+1)) *m M *m (pid_mx k : 'M_(N.+1, k))) eq_pad.
by rewrite /pad !mulmxA !pid_pid // !mul1mx -!mulmxA !pid_pid // !mulmx1.
Qed.

(** ** The tape: layers e, ..., e + k of a step, the upper one (the newest) first *)
Definition charged e t : 'M[R]_N.+1 := if e is 0%N then pad (c t) else 0.
Definition time_edge e t := Edge d (pad (J e t)) (Through e).
Definition up_edge e t := Edge 0 (pad (U e t)) (Up e).
Fixpoint layers t k e : list (node 'M[R]_N.+1 passage) :=
  if k is k'.+1 then Node [:: time_edge e t; up_edge e t] (charged e t) Here :: layers t k' e.+1
  else [:: Node [:: time_edge e t] (charged e t) Here].
Fixpoint inputs t k e : list 'M[R]_N.+1 :=
  pad (F e t) :: (if k is k'.+1 then inputs t k' e.+1 else [::]).
Fixpoint stack_tape t := if t is t'.+1 then List.app (layers t' d 0) (stack_tape t') else [::].
Fixpoint stack_inputs t := if t is t'.+1 then List.app (inputs t' d 0) (stack_inputs t') else [::].

(** ** What its nodes feel of the parameters, with the Jacobians that the rule keeps *)
Definition kept_jacobian e t : 'M[R]_(n e) := if keep (Through e) then J e t else 0.
Fixpoint felt k e : nat -> 'M[R]_(n e, p) :=
  trace (kept_jacobian e) (if k is k'.+1 then fun t => U e t *m felt k' e.+1 t + F e t else F e).
Fixpoint felts t k e : list 'M[R]_N.+1 :=
  pad (felt k e t) :: (if k is k'.+1 then felts t k' e.+1 else [::]).

Hypotheses (keep_here : keep Here) (keep_up : forall e, keep (Up e)).
Notation traces := (traces _ 0 +%R *%R passage keep).
Notation forward := (Graph.forward _ 0 +%R *%R passage keep).

Lemma size_felts t k e : length (felts t k e) = k.+1.
Proof. by elim: k e => //= k IH e; rewrite IH. Qed.

Lemma nth_felts t k e i : (i <= k)%N -> List.nth i (felts t k e) 0 = pad (felt (k - i) (e + i)%N t).
Proof.
elim: k e i => [|k IH] e [|i] //= le_ik; rewrite ?addn0 //.
by rewrite IH // subSS addSnnS.
Qed.

Definition past_felt t k e : 'M[R]_(n e, p) := if t is t'.+1 then felt k e t' else 0.

Lemma felt_step k e t :
  felt k e t = kept_jacobian e t *m past_felt t k e
               + (if k is k'.+1 then U e t *m felt k' e.+1 t + F e t else F e t).
Proof. by case: k => [|k]; case: t => [|t] //=; rewrite mulmx0 add0r. Qed.

Lemma layers_traces t k e g Fs : (e + k = d)%N ->
  (forall e' k', (e' + k' = d)%N -> List.nth e' (traces g Fs) 0 = pad (past_felt t k' e')) ->
  traces (List.app (layers t k e) g) (List.app (inputs t k e) Fs) = List.app (felts t k e) (traces g Fs).
Proof.
have kept_time e' (M : 'M[R]_(n e', p)) :
    gate _ 0 _ keep (Through e') (pad (J e' t) * pad M) = pad (kept_jacobian e' t *m M).
  by rewrite /gate /kept_jacobian padM //; case: (keep _); rewrite ?mul0mx ?pad0.
move=> sum_d past; elim: k e sum_d => [|k IH] e sum_d.
  rewrite addn0 in sum_d; rewrite /= /enter /= {1}/gate keep_here; congr (_ :: _).
  by rewrite -[in List.nth d]sum_d (past e 0%N) ?addn0 // kept_time addr0 -padD -felt_step.
rewrite /= IH; last by rewrite addSnnS.
rewrite {1}/gate keep_here; congr (_ :: _); rewrite /enter /=.
have -> : List.nth d (List.app (felts t k e.+1) (traces g Fs)) 0 = pad (past_felt t k.+1 e).
  rewrite List.app_nth2 size_felts; last by apply/leP; rewrite -sum_d leq_addl.
  by rewrite minusE -[in (d - _)%N]sum_d addnK; apply: past.
rewrite kept_time {1}/gate keep_up addr0.
have -> : List.nth 0 (List.app (felts t k e.+1) (traces g Fs)) 0 = pad (felt k e.+1 t) by case: (k).
by rewrite padM // -!padD -addrA -felt_step.
Qed.

Lemma stack_traces t : traces (stack_tape t.+1) (stack_inputs t.+1)
  = List.app (felts t d 0) (traces (stack_tape t) (stack_inputs t)).
Proof.
elim: t => [|t IH]; apply: layers_traces => // e k sum_d.
  by rewrite /= pad0; case: e {sum_d}.
rewrite IH List.app_nth1; last by rewrite size_felts; apply/ltP; rewrite ltnS -sum_d leq_addr.
by rewrite nth_felts -sum_d ?leq_addr // add0n addKn.
Qed.

Lemma dot_app (u v u' v' : list 'M[R]_N.+1) : length u = length v ->
  dot _ 0 +%R *%R (List.app u u') (List.app v v') = dot _ 0 +%R *%R u v + dot _ 0 +%R *%R u' v'.
Proof. by elim: u v => [|x u IH] [|y v] //=; rewrite ?add0r // => -[eq_size]; rewrite IH // addrA. Qed.

Lemma dot_layers t k e :
  dot _ 0 +%R *%R (List.map Graph.credit (layers t k e)) (felts t k e) = charged e t * pad (felt k e t).
Proof.
elim: k e => [|k IH] e /=; first by rewrite addr0.
by rewrite IH /= mul0r addr0.
Qed.

Lemma forward_felt t : forward (stack_tape t) (stack_inputs t) = pad (\sum_(s < t) c s *m felt d 0 s).
Proof.
elim: t => [|t IH]; first by rewrite /Graph.forward big_ord0 pad0.
rewrite {1}/Graph.forward stack_traces [stack_tape _.+1]/= List.map_app dot_app; last first.
  by rewrite List.map_length size_felts; elim: (d) (0%N) => //= k IHk e; rewrite IHk.
by rewrite dot_layers -/(forward _ _) IH /= padM // -padD [in RHS]big_ord_recr addrC.
Qed.

(** ** From the top down: every layer's own gradient *)
Lemma felt_stacked k e : \sum_(t < T) Stack.credit T U c kept_jacobian e t *m felt k e t
  = \sum_(i < k.+1) stacked T U c kept_jacobian (F (e + i)%N).
Proof.
elim: k e => [|k IH] e.
  by rewrite big_ord1 [in RHS]/stacked addn0 -forward_is_gradient.
under eq_bigr do rewrite -[felt _ _ _]/(trace _ (fun t => U e t *m felt k e.+1 t + F e t) _) traceD mulmxDr.
rewrite big_split /= big_ord_recl addrC; congr (_ + _).
  by rewrite /stacked addn0 -forward_is_gradient.
rewrite -[LHS]/(Layer.forward (kept_jacobian e) (fun t => U e t *m felt k e.+1 t)
  (Stack.credit T U c kept_jacobian e) T).
rewrite forward_is_reverse /reverse; under eq_bigr do rewrite mulmxA.
by rewrite [LHS]IH; apply: eq_bigr => i _; rewrite /= addSnnS.
Qed.

Lemma feltE : \sum_(t < T) c t *m felt d 0 t = \sum_(e < d.+1) stacked T U c kept_jacobian (F e).
Proof. exact: (felt_stacked d 0). Qed.

(** The tape of a stack, under any rule on steps through time, holds the gradients of [Stack], each with the Jacobians
    that the rule keeps: here summed over the layers that the parameters enter. *)
Theorem tape_is_stack :
  forward (stack_tape T) (stack_inputs T) = pad (\sum_(e < d.+1) stacked T U c kept_jacobian (F e)).
Proof. by rewrite forward_felt feltE. Qed.
End StackTape.

(** OSTL on the tape: for parameters of layer d, steps through time are kept in layer d alone. *)
Definition ostl_rule (d : nat) (l : passage) : bool := if l is Through e then e == d else true.

Section Ostl.
Variables (R : ringType) (n : nat -> nat) (p T d N : nat).
Hypotheses (n_le : forall e, (n e <= N.+1)%N) (p_le : (p <= N.+1)%N).
Variables (J : forall e, nat -> 'M[R]_(n e)) (U : forall e, nat -> 'M[R]_(n e, n e.+1)) (c : nat -> 'rV[R]_(n 0)).
Variable F : forall e, nat -> 'M[R]_(n e, p).
Hypothesis only_d : forall e t, (e < d)%N -> F e t = 0.
Notation run keep := (Graph.forward 'M[R]_N.+1 0 +%R *%R passage keep (stack_tape d N J U c T) (stack_inputs d N F T)).

Lemma only_layer_d K : \sum_(e < d.+1) stacked T U c K (F e) = stacked T U c K (F d).
Proof.
rewrite big_ord_recr /= big1 ?add0r // => e _; rewrite /stacked /gradient.
by apply: big1 => s _; apply: big1 => k _; rewrite only_d // mulmx0.
Qed.

Corollary tape_is_gradient : run all_labels = pad N (stacked T U c J (F d)).
Proof. by rewrite tape_is_stack // only_layer_d. Qed.

Corollary tape_is_ostl : run (ostl_rule d) = pad N (ostl T U c J (F d)).
Proof.
rewrite tape_is_stack // only_layer_d /stacked /ostl; congr (pad _ _).
apply: eq_bigr => s _; apply: eq_bigr => k _; congr (_ *m _ *m _).
  by apply: eq_credit => e t lt_ed; rewrite /kept_jacobian /= ltn_eqF.
by elim: {k}(k : nat) => //= k ->; rewrite /kept_jacobian /= eqxx.
Qed.

(** So [Stack.ostl_exact] speaks of the tape: without memory above, dropping the steps above changes nothing. *)
Corollary tape_ostl_exact : (forall e t, (e < d)%N -> J e t = 0) -> run (ostl_rule d) = run all_labels.
Proof. by move=> no_memory; rewrite tape_is_ostl tape_is_gradient ostl_exact. Qed.
End Ostl.
