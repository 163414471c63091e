(** Windows (truncated BPTT): the programs of [Graph], run on polynomials, sum the walks of fewer than w steps in time.

    Every edge that takes a step in time multiplies by X. The ring theorems of [Tape] hold for polynomials too, so that
    nothing has to be proved again: forward = reverse, and the coefficients of degree below w are the window. *)
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop ssralg zmodp poly.
From Gradcert Require Import Graph Tape.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

(** The programs commute with every map that keeps 0, sums and products. *)
Section Transport.
Variables (A : Type) (zero : A) (add mul : A -> A -> A) (S : ringType) (label : Type) (h : A -> S).
Hypotheses (h0 : h zero = 0) (hD : forall x y, h (add x y) = h x + h y) (hM : forall x y, h (mul x y) = h x * h y).

Definition carried_edge (e : edge A label) := Edge (back e) (h (coefficient e)) (name e).
Definition carried (v : node A label) := Node (List.map carried_edge (edges v)) (h (credit v)) (site v).
Let on_S (keep : label -> bool) := gate S 0 label keep.

Lemma carried_gate keep l x : h (gate A zero label keep l x) = on_S keep l (h x).
Proof. by rewrite /on_S /gate; case: (keep l). Qed.

Lemma carried_dot u v : h (dot A zero add mul u v) = dot S 0 +%R *%R (List.map h u) (List.map h v).
Proof. by elim: u v => [|x u IH] [|y v] //=; rewrite hD hM IH. Qed.

Lemma carried_hd u : h (List.hd zero u) = List.hd 0 (List.map h u). Proof. by case: u. Qed.
Lemma carried_tl (u : seq A) : List.map h (List.tl u) = List.tl (List.map h u). Proof. by case: u. Qed.

Lemma carried_traces keep g F :
  List.map h (traces A zero add mul label keep g F)
  = traces S 0 +%R *%R label keep (List.map carried g) (List.map h F).
Proof.
elim: g F => [|v g IH] F //=; rewrite -carried_tl -IH; congr (_ :: _).
rewrite carried_gate hD carried_hd; congr (on_S _ _ (_ + _)).
rewrite /enter; elim: (edges v) => //= e es IHes; rewrite hD carried_gate hM IHes; congr (_ + _).
by rewrite -(List.map_nth h) h0.
Qed.

Lemma carried_forward keep g F :
  h (forward A zero add mul label keep g F) = forward S 0 +%R *%R label keep (List.map carried g) (List.map h F).
Proof. by rewrite /forward carried_dot carried_traces !List.map_map. Qed.

Lemma carried_charge i x p : List.map h (charge A zero add i x p) = charge S 0 +%R i (h x) (List.map h p).
Proof. by elim: i p => [|i IH] [|y p] //=; rewrite ?hD ?h0 ?IH. Qed.

Lemma carried_send keep es c p :
  List.map h (send A zero add mul label (gate A zero label keep) es c p)
  = send S 0 +%R *%R label (on_S keep) (List.map carried_edge es) (h c) (List.map h p).
Proof. by elim: es p => //= e es IH p; rewrite IH carried_charge carried_gate hM. Qed.

Lemma carried_adjoints keep g p :
  List.map h (adjoints A zero add mul label keep g p)
  = adjoints S 0 +%R *%R label keep (List.map carried g) (List.map h p).
Proof.
by elim: g p => [|v g IH] p //=; rewrite IH carried_gate hD carried_hd carried_send
  carried_gate hD carried_hd carried_tl.
Qed.

Lemma carried_reverse keep g F :
  h (reverse A zero add mul label keep g F) = reverse S 0 +%R *%R label keep (List.map carried g) (List.map h F).
Proof. by rewrite /reverse carried_dot carried_adjoints. Qed.
End Transport.

Section Ages.
Variables (R : ringType) (label : Type) (clock : label -> bool).
Implicit Types (g : tape R label) (F : list R) (keep : label -> bool).
Notation poly_add := (poly_add R +%R).
Notation poly_mul := (poly_mul R 0 +%R *%R).
Notation total := (total R 0 +%R).
Notation path_sum := (path_sum R 0 +%R *%R label).
Notation kept := (kept label).
Notation within := (within label clock).

(** ** Lists of coefficients are polynomials *)
Lemma Poly_cons x (p : seq R) : Poly (x :: p) = Poly p * 'X + x%:P.
Proof. by rewrite /= cons_poly_def. Qed.

Lemma Poly_add p q : Poly (poly_add p q) = Poly p + Poly q.
Proof.
elim: p q => [|x p IH] [|y q]; rewrite ?add0r ?addr0 //.
by rewrite [poly_add _ _]/= !Poly_cons IH mulrDl polyCD addrACA.
Qed.

Lemma Poly_mul p q : Poly (poly_mul p q) = Poly p * Poly q.
Proof.
have scaled x : Poly (List.map ( *%R x) q) = x%:P * Poly q.
  elim: q => [|y q IH]; first by rewrite /= mulr0.
  by rewrite [List.map _ _]/= !Poly_cons IH mulrDr mulrA polyCM.
elim: p => [|x p IH]; first by rewrite mul0r.
rewrite [poly_mul _ _]/= Poly_add scaled Poly_cons IH addr0 Poly_cons mulrDl addrC; congr (_ + _).
by rewrite -!mulrA commr_polyX.
Qed.

Lemma total_cat p q : total (p ++ q)%list = total p + total q.
Proof. by elim: p => [|x p IH] /=; rewrite ?add0r // IH addrA. Qed.

(** Coefficients below degree w, and all of them. *)
Definition early w (P : {poly R}) := \sum_(i < w) P`_i.

Lemma total_early w p : total (List.firstn w p) = early w (Poly p).
Proof.
rewrite /early; elim: w p => [|w IH] p; first by rewrite big_ord0.
case: p => [|x p]; first by rewrite /= big1 // => i _; rewrite coef0.
rewrite /= IH big_ord_recl; congr (_ + _); first by rewrite coef_cons.
by apply: eq_bigr => i _; rewrite coef_cons.
Qed.

Lemma total_horner p : total p = (Poly p).[1].
Proof. by elim: p => [|x p IH]; rewrite ?horner0 // Poly_cons hornerMXaddC mulr1 -IH addrC. Qed.

(** ** Every walk is multiplied by X once per step in time *)
Definition lifted_walk (q : walk R label) : walk {poly R} label := (q.1, q.2%:P * 'X^(ticks label clock q.1)).
Definition lifted (v : node R label) : node {poly R} label := carried (@Poly R) (aged R 0 label clock v).

Lemma lifted_walks g F : (forall v, List.In v g -> clock (site v) = false) ->
  walks {poly R} 0 *%R label (List.map lifted g) (List.map polyC F)
  = List.map (List.map lifted_walk) (walks R 0 *%R label g F).
Proof.
elim: g F => [|v g IH] F still //=.
have -> : List.tl (List.map polyC F) = List.map polyC (List.tl F) by case: F.
rewrite IH => [|u u_in]; last by apply: still; right.
have still_v : clock (site v) = false by apply: still; left.
congr ((_ :: _) :: _).
  rewrite /lifted_walk /= /ticks /= still_v mulr1; congr (_, _).
  by case: F => [|x F] /=; rewrite ?polyC0.
elim: (edges v) => //= e es IHes; rewrite List.map_app -IHes; congr (_ ++ _).
have nth_lifted n W : List.nth n (List.map (List.map lifted_walk) W) [::] = List.map lifted_walk (List.nth n W [::]).
  by rewrite -(List.map_nth (List.map lifted_walk)).
rewrite nth_lifted !List.map_map.
apply: List.map_ext => q; rewrite /lifted_walk /extend /= /ticks /= still_v; congr (_, _).
case: (clock (name e)); rewrite ?Poly_cons /= ?cons_poly_def ?mul0r ?add0r ?addr0.
  by rewrite polyCM exprS -!mulrA; congr (_ * _); rewrite mulrA -commr_polyX -mulrA.
by rewrite polyCM mulrA.
Qed.

Lemma early_scaled w x (P : {poly R}) : early w (x%:P * P) = x * early w P.
Proof. by rewrite /early mulr_sumr; apply: eq_bigr => i _; rewrite coefCM. Qed.

Lemma early_add w (P Q : {poly R}) : early w (P + Q) = early w P + early w Q.
Proof. by rewrite /early -big_split; apply: eq_bigr => i _; rewrite coefD. Qed.

Lemma early0 w : early w 0 = 0.
Proof. by rewrite /early big1 // => i _; rewrite coef0. Qed.

Lemma early_walk w (q : walk R label) :
  early w (q.2%:P * 'X^(ticks label clock q.1)) = if within w q.1 then q.2 else 0.
Proof.
rewrite early_scaled /Graph.within /early; under eq_bigr do rewrite coefXn.
case: PeanoNat.Nat.ltb_spec0 => /ltP; last first.
  move=> late; rewrite big1 ?mulr0 // => i _; case: eqP => // eq_i.
  by rewrite -eq_i ltn_ord in late.
move=> lt_w; rewrite (bigD1 (Ordinal lt_w)) //= eqxx big1 ?addr0 ?mulr1 // => i.
by rewrite -val_eqE /= => /negbTE ->.
Qed.

(** A functional that reads polynomials as [read] and is additive reads walk by walk. *)
Section Read.
Variables (read : {poly R} -> R) (chosen : list label -> bool).
Hypotheses (read0 : read 0 = 0) (readD : forall P Q, read (P + Q) = read P + read Q).
Hypothesis read_scaled : forall x P, read (x%:P * P) = x * read P.
Hypothesis read_walk :
  forall q : walk R label, read (q.2%:P * 'X^(ticks label clock q.1)) = if chosen q.1 then q.2 else 0.

Lemma read_path_sum keep g F : (forall v, List.In v g -> clock (site v) = false) ->
  read (forward {poly R} 0 +%R *%R label keep (List.map lifted g) (List.map polyC F))
  = path_sum (both label (kept keep) chosen) g F.
Proof.
move=> still; rewrite forward_is_path_sum /Graph.path_sum lifted_walks // !List.map_map.
move: (walks R 0 *%R label g F) => all_walks.
elim: all_walks g {still} => [|ws w IH] [|v g] //=; rewrite ?read0 // readD IH; congr (_ + _).
rewrite cons_poly_def mul0r add0r read_scaled; congr (_ * _).
elim: ws => [|q ws IHq] /=; rewrite ?read0 // readD IHq; congr (_ + _).
rewrite /both /=; case: (Graph.kept _ _ _); rewrite ?read0 //; exact: read_walk.
Qed.
End Read.

(** ** The theorems *)
Variables (g : tape R label) (F : list R) (keep : label -> bool) (w : nat).
Hypothesis still : forall v, List.In v g -> clock (site v) = false.  (* time passes on edges, not at nodes *)

Lemma once_polyC : List.map (@Poly R) (once R F) = List.map polyC F.
Proof. by rewrite /once List.map_map; apply: List.map_ext => x /=; rewrite cons_poly_def mul0r add0r. Qed.

Lemma forward_aged_poly : Poly (forward_aged R 0 +%R *%R label clock keep g F)
  = forward {poly R} 0 +%R *%R label keep (List.map lifted g) (List.map polyC F).
Proof.
rewrite /forward_aged (carried_forward (S := [ringType of {poly R}]) (h := @Poly R)) //.
- by rewrite once_polyC List.map_map.
- exact: Poly_add.
- exact: Poly_mul.
Qed.

Lemma reverse_aged_poly : Poly (reverse_aged R 0 +%R *%R label clock keep g F)
  = forward {poly R} 0 +%R *%R label keep (List.map lifted g) (List.map polyC F).
Proof.
rewrite /reverse_aged (carried_reverse (S := [ringType of {poly R}]) (h := @Poly R)) //.
- by rewrite once_polyC List.map_map [RHS]forward_is_reverse.
- exact: Poly_add.
- exact: Poly_mul.
Qed.

(** The window: the walks that are kept and take fewer than w steps in time. *)
Theorem window_is_path_sum :
  window_forward R 0 +%R *%R label clock w keep g F = path_sum (both label (kept keep) (within w)) g F.
Proof.
rewrite /window_forward total_early forward_aged_poly; apply: read_path_sum => //.
- exact: early0.
- exact: early_add.
- exact: early_scaled.
- exact: early_walk.
Qed.

Theorem window_forward_is_reverse :
  window_forward R 0 +%R *%R label clock w keep g F = window_reverse R 0 +%R *%R label clock w keep g F.
Proof. by rewrite /window_forward /window_reverse !total_early forward_aged_poly reverse_aged_poly. Qed.

(** The window and what is beyond it are the rule without a window. *)
Theorem window_plus_beyond :
  window_forward R 0 +%R *%R label clock w keep g F + window_beyond R 0 +%R *%R label clock w keep g F
  = Graph.forward R 0 +%R *%R label keep g F.
Proof.
rewrite /window_forward /window_beyond -total_cat List.firstn_skipn total_horner forward_aged_poly.
rewrite (read_path_sum (read := fun P => P.[1]) (chosen := fun=> true)) //.
- rewrite forward_is_path_sum; apply: eq_path_sum => ls; exact: andbT.
- exact: horner0.
- by move=> P Q; rewrite hornerD.
- by move=> x P; rewrite hornerCM.
- by move=> q; rewrite hornerCM hornerXn expr1n mulr1.
Qed.

Corollary beyond_is_path_sum :
  window_beyond R 0 +%R *%R label clock w keep g F = path_sum (but label (kept keep) (within w)) g F.
Proof.
apply: (addrI (window_forward R 0 +%R *%R label clock w keep g F)).
by rewrite window_plus_beyond window_is_path_sum -restriction forward_is_path_sum.
Qed.
End Ages.
