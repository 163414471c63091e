(** Theorems about every unrolled network, every rule and every ring, commutative or not.

    The programs are those of [Graph]; the definition that they are measured against is the sum over walks. *)
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop ssralg.
From Gradcert Require Import Graph.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

Notation zero_of R := (GRing.zero (GRing.Ring.zmodType R)).
Notation all_labels := (fun _ => true).

Section Tape.
Variables (R : ringType) (label : Type).
Implicit Types (g : tape R label) (es : list (edge R label)) (F p r t u : list R) (keep : label -> bool).
Implicit Types (truth rule : label -> bool) (P Q : list label -> bool).
Notation sum := (sum R 0 +%R).
Notation dot := (dot R 0 +%R *%R).
Notation gate := (gate R 0 label).
Notation swap := (swap R 0 -%R label).
Notation enter := (enter R 0 +%R *%R label).
Notation traces := (traces R 0 +%R *%R label).
Notation forward := (forward R 0 +%R *%R label).
Notation charge := (charge R 0 +%R).
Notation send := (send R 0 +%R *%R label).
Notation adjoints := (adjoints R 0 +%R *%R label).
Notation reverse := (reverse R 0 +%R *%R label).
Notation parted := (parted R 0 +%R *%R -%R label).
Notation residual := (residual R 0 +%R *%R -%R label).
Notation walks := (walks R 0 *%R label).
Notation sum_where := (sum_where R 0 +%R label).
Notation path_sum := (path_sum R 0 +%R *%R label).
Notation kept := (kept label).

(** ** Sums and products of lists *)
Lemma eq_sum X (f h : X -> R) l : f =1 h -> sum f l = sum h l.
Proof. by move=> eq_fh; elim: l => //= x l ->; rewrite eq_fh. Qed.

Lemma sum_cat X (f : X -> R) k l : sum f (k ++ l) = sum f k + sum f l.
Proof. by elim: k => [|x k IH] /=; rewrite ?add0r // IH addrA. Qed.

Lemma sum_add X (f h : X -> R) l : sum (fun x => f x + h x) l = sum f l + sum h l.
Proof. by elim: l => [|x l IH] /=; rewrite ?addr0 // IH addrACA. Qed.

Lemma sum_opp X (f : X -> R) l : sum (fun x => - f x) l = - sum f l.
Proof. by elim: l => [|x l IH] /=; rewrite ?oppr0 // IH opprD. Qed.

Lemma dot_nil u : dot u [::] = 0. Proof. by case: u. Qed.

Lemma dot_cons p x t : dot p (x :: t) = List.hd 0 p * x + dot (List.tl p) t.
Proof. by case: p => [|y p] /=; rewrite ?mul0r ?addr0. Qed.

Lemma dot_consl x p F : dot (x :: p) F = x * List.hd 0 F + dot p (List.tl F).
Proof. by case: F => [|y F] /=; rewrite ?mulr0 ?dot_nil ?addr0. Qed.

Lemma dot_charge i x p t : dot (charge i x p) t = dot p t + x * List.nth i t 0.
Proof.
elim: i p t => [|i IH] [|y p] [|z t] /=; rewrite ?IH ?dot_nil ?mulr0 ?mul0r ?add0r ?addr0 ?mulrDl //.
- by rewrite addrAC.
- by rewrite addrA.
Qed.

(** What stands at a label is 0, 1 or -1, and commutes with every product. *)
Definition scales (on : label -> R -> R) := forall l c k x, on l (c * k) * x = c * on l (k * x).

Lemma gate_scales keep : scales (gate keep).
Proof. by move=> l c k x; rewrite /Graph.gate; case: (keep l); rewrite ?mul0r ?mulr0 ?mulrA. Qed.

Lemma swap_scales truth rule : scales (swap truth rule).
Proof.
by move=> l c k x; rewrite /Graph.swap; case: (truth l); case: (rule l); rewrite ?mul0r ?mulr0 ?mulNr ?mulrN ?mulrA.
Qed.

Lemma gateD keep l x y : gate keep l (x + y) = gate keep l x + gate keep l y.
Proof. by rewrite /Graph.gate; case: (keep l); rewrite ?addr0. Qed.

Lemma gateM keep l x y : gate keep l x * y = x * gate keep l y.
Proof. by rewrite /Graph.gate; case: (keep l); rewrite ?mul0r ?mulr0. Qed.

Lemma swap_gates truth rule l x : swap truth rule l x = gate truth l x - gate rule l x.
Proof. by rewrite /Graph.swap /Graph.gate; case: (truth l); case: (rule l); rewrite ?subrr ?subr0 ?sub0r. Qed.

Lemma dot_send on es c p t : scales on -> dot (send on es c p) t = dot p t + c * enter on es t.
Proof.
move=> on_scales; elim: es p => [|e es IH] p /=; first by rewrite mulr0 addr0.
by rewrite IH dot_charge -addrA on_scales -mulrDr.
Qed.

(** ** Forward accumulation and reverse accumulation *)
Lemma adjoints_traces keep g F p :
  dot (adjoints keep g p) F = dot (List.map credit g) (traces keep g F) + dot p (traces keep g F).
Proof.
elim: g F p => [|v g IH] F p; first by rewrite /= dot_nil addr0.
rewrite [adjoints _ _ _]/= [traces _ _ _]/= [List.map _ _]/= dot_consl IH !dot_cons.
rewrite (dot_send _ _ _ _ (gate_scales _)) [List.hd _ _]/= [List.tl _]/=.
have gather a b c d : a + (b + (c + d)) = d + a + (b + c) :> R by rewrite [b + _]addrA addrCA addrC [a + d]addrC.
by rewrite gather -mulrDr gateM mulrDl /= addrACA.
Qed.

(** For all parameters at once backwards, or for one at a time forwards: the same number. *)
Theorem forward_is_reverse keep g F : forward keep g F = reverse keep g F.
Proof. by rewrite /Graph.reverse adjoints_traces /= addr0. Qed.

(** ** Both are the sum over the walks all of whose labels are kept *)
Lemma kept_extend keep v e (q : walk R label) :
  kept keep (extend R *%R label v e q).1 = keep (site v) && (keep (name e) && kept keep q.1).
Proof. by []. Qed.

Lemma enter_walks keep v es w :
  keep (site v) ->
  enter (gate keep) es (List.map (sum_where (kept keep)) w)
  = sum_where (kept keep) (List.flat_map (fun e => List.map (extend R *%R label v e) (List.nth (back e) w [::])) es).
Proof.
move=> open; rewrite /Graph.enter; elim: es => [|e es IH] //=.
rewrite IH /Graph.sum_where sum_cat; congr (_ + _).
have -> : List.nth (back e) (List.map (Graph.sum_where R 0 +%R label (kept keep)) w) 0
          = sum_where (kept keep) (List.nth (back e) w [::]).
  by rewrite -(List.map_nth (sum_where (kept keep))).
elim: (List.nth (back e) w [::]) => [|q ws IHq] /=.
  by rewrite /Graph.gate mulr0; case: (keep _).
rewrite -IHq /Graph.sum_where /= open /= /Graph.gate; case: (keep (name e)) => /=; last by rewrite addr0.
by case: (kept keep q.1); rewrite mulrDr ?mulr0.
Qed.

Lemma closed_site keep v es w : keep (site v) = false ->
  sum_where (kept keep) (List.flat_map (fun e => List.map (extend R *%R label v e) (List.nth (back e) w [::])) es) = 0.
Proof.
move=> closed; rewrite /Graph.sum_where; elim: es => [|e es IH] //=; rewrite sum_cat IH addr0.
by elim: (List.nth _ _ _) => [|q ws IHq] //=; rewrite closed /= IHq addr0.
Qed.

Lemma traces_walks keep g F : traces keep g F = List.map (sum_where (kept keep)) (walks g F).
Proof.
elim: g F => [|v g IH] F //=; rewrite IH; congr (_ :: _).
rewrite /Graph.gate {2}/Graph.sum_where /= andbT; case open: (keep (site v)).
  by rewrite (enter_walks (edges v) _ open) addrC.
by rewrite -/(Graph.sum_where _ _ _ _ _ _) closed_site // addr0.
Qed.

Theorem forward_is_path_sum keep g F : forward keep g F = path_sum (kept keep) g F.
Proof. by rewrite /Graph.forward traces_walks. Qed.

Corollary reverse_is_path_sum keep g F : reverse keep g F = path_sum (kept keep) g F.
Proof. by rewrite -forward_is_reverse forward_is_path_sum. Qed.

(** ** Any two predicates on walks *)
Lemma path_sum_add P Q1 Q2 g F :
  (forall ls, P ls = Q1 ls || Q2 ls) -> (forall ls, ~~ (Q1 ls && Q2 ls)) ->
  path_sum P g F = path_sum Q1 g F + path_sum Q2 g F.
Proof.
move=> union apart; rewrite /Graph.path_sum.
elim: (walks g F) (List.map credit g) => [|ws w IH] [|x u] //=; rewrite ?addr0 // IH addrACA -mulrDr.
congr (_ * _ + _); rewrite /Graph.sum_where -sum_add; apply: eq_sum => q; rewrite union.
by move: (apart q.1); case: (Q1 q.1); case: (Q2 q.1) => // _; rewrite ?addr0 ?add0r.
Qed.

Lemma eq_path_sum P Q g F : P =1 Q -> path_sum P g F = path_sum Q g F.
Proof.
move=> eqPQ; rewrite /Graph.path_sum; congr dot; apply: List.map_ext => ws.
by apply: eq_sum => q; rewrite eqPQ.
Qed.

(** Windows, reach, chunks, any restriction of walks: restriction + what it leaves out = the whole. *)
Theorem restriction P Q g F :
  path_sum P g F = path_sum (both label P Q) g F + path_sum (but label P Q) g F.
Proof.
by apply: path_sum_add => ls; rewrite /Graph.both /Graph.but; case: (P ls); case: (Q ls).
Qed.

(** Any two rules differ by the walks of one that are not walks of the other. *)
Theorem two_rules P Q g F :
  path_sum P g F - path_sum Q g F = path_sum (but label P Q) g F - path_sum (but label Q P) g F.
Proof.
rewrite (restriction P Q) (restriction Q P) (eq_path_sum (Q := both label Q P)); last by move=> ls; exact: andbC.
by rewrite opprD addrACA subrr add0r.
Qed.

(** ** The residual sweep *)
Lemma enter_swap truth rule es t : enter (swap truth rule) es t = enter (gate truth) es t - enter (gate rule) es t.
Proof. by rewrite /Graph.enter -sum_opp -sum_add; apply: eq_sum => e; apply: swap_gates. Qed.

Lemma parted_adjoints truth rule g F p r q : (forall t, dot q t = dot p t + dot r t) ->
  dot (parted truth rule g p r) F + dot (adjoints rule g p) F = dot (adjoints truth g q) F.
Proof.
have hd_dot u : List.hd 0 u = dot u [:: 1] by case: u => [|x u] /=; rewrite ?mulr1 ?dot_nil ?addr0.
have tl_dot u t : dot (List.tl u) t = dot u (0 :: t) by case: u => [|x u] //=; rewrite mulr0 add0r.
elim: g F p r q => [|v g IH] F p r q split; first by rewrite /= addr0.
rewrite [parted _ _ _ _ _]/= [adjoints _ _ _]/= [adjoints truth _ _]/= !dot_consl addrACA -mulrDl.
set arrived := credit v + List.hd 0 p; set c := gate rule _ arrived; set d := gate truth _ _ + _.
have head : d + c = gate truth (site v) (credit v + List.hd 0 q).
  by rewrite /d swap_gates -addrA subrK -gateD [X in gate truth _ X]addrC -addrA !hd_dot split.
rewrite head; congr (_ + _); apply: IH => t.
rewrite !(dot_send _ _ _ _ (gate_scales _)) (dot_send _ _ _ _ (swap_scales _ _)) enter_swap -head !tl_dot split.
have regroup a b x y z : a + b + (z + y) = a + x + (b + (y - x) + z) :> R.
  by rewrite [b + _ + z]addrAC [RHS]addrACA [x + _]addrC subrK !addrA.
by rewrite mulrDl mulrBr; apply: regroup.
Qed.

(** Rule + residual = truth: what one sweep with two adjoints computes is what the rule is short of. *)
Theorem rule_plus_residual truth rule g F :
  forward rule g F + residual truth rule g F = forward truth g F.
Proof. by rewrite addrC !forward_is_reverse; apply: parted_adjoints => t; rewrite addr0. Qed.

(** It is the sum over the walks that the truth takes and the rule does not, less those that only the rule takes. *)
Theorem residual_is_path_sum truth rule g F :
  residual truth rule g F
  = path_sum (but label (kept truth) (kept rule)) g F - path_sum (but label (kept rule) (kept truth)) g F.
Proof.
rewrite -two_rules -!forward_is_path_sum -(rule_plus_residual truth rule) addrC addrA.
by rewrite addNr add0r.
Qed.

Lemma kept_all ls : kept all_labels ls. Proof. by elim: ls. Qed.

(** Against the full gradient: the sum over the walks with a dropped label. *)
Corollary residual_of_a_cut keep g F :
  residual all_labels keep g F = path_sum (fun ls => ~~ kept keep ls) g F.
Proof.
rewrite residual_is_path_sum [X in _ - X](_ : _ = 0) ?subr0.
  by apply: eq_path_sum => ls; rewrite /but kept_all.
rewrite (eq_path_sum (Q := fun _ => false)) => [|ls]; last by rewrite /but kept_all andbF.
rewrite /Graph.path_sum; elim: (walks g F) (List.map credit g) => [|ws w IH] [|x u] //=; rewrite IH addr0.
by rewrite /Graph.sum_where; elim: ws => [|q ws IHq] /=; rewrite ?mulr0 // mulrDr mulr0 add0r.
Qed.

(** ** Reach: a rule that closes only nodes which feel nothing of the parameter changes nothing *)
Fixpoint closes_zeros narrow keep g F : Prop :=
  if g is v :: past then
    [/\ narrow (site v) = keep (site v) \/ narrow (site v) = false /\ List.hd 0 (traces keep g F) = 0,
        forall e, List.In e (edges v) -> narrow (name e) = keep (name e) & closes_zeros narrow keep past (List.tl F)]
  else True.

Theorem reach_is_exact narrow keep g F : closes_zeros narrow keep g F -> forward narrow g F = forward keep g F.
Proof.
move=> closed; congr dot; elim: g F closed => [|v g IH] F //= [closed same /IH ->]; congr (_ :: _).
have -> : enter (gate narrow) (edges v) =1 enter (gate keep) (edges v).
  move=> t; rewrite /Graph.enter; elim: (edges v) same => //= e es IHes same.
  rewrite {1}/Graph.gate same; last by left.
  by rewrite IHes // => f f_in; apply: same; right.
case: closed => [same_site|[closed zero]]; first by rewrite /Graph.gate same_site.
by rewrite zero /Graph.gate closed.
Qed.

(** ** Feedback other than through the weights *)
Lemma traces_eq keep (f : node R label -> node R label) :
  (forall v, site (f v) = site v) ->
  (forall v t, enter (gate keep) (edges (f v)) t = enter (gate keep) (edges v) t) ->
  forall g F, traces keep (List.map f g) F = traces keep g F.
Proof. by move=> same_site same_enter; elim=> [|v g IH] F //=; rewrite IH same_site same_enter. Qed.

Lemma credits_eq (f : node R label -> node R label) g :
  (forall v, credit (f v) = credit v) -> List.map credit (List.map f g) = List.map credit g.
Proof. by move=> same; elim: g => //= v g ->; rewrite same. Qed.

(** Random: two parallel edges, B and W - B, in the place of W, change no gradient. *)
Theorem split_edges substitute g F :
  forward all_labels (List.map (split_node R +%R -%R label substitute) g) F = forward all_labels g F.
Proof.
rewrite /Graph.forward credits_eq // traces_eq // => v t /=; rewrite /Graph.enter.
elim: (edges v) => //= e es IH; rewrite sum_cat IH; congr (_ + _).
by rewrite /Graph.split; case: (substitute e) => [[[b l1] l2]|] /=; rewrite ?addr0 // mulrDl mulNr addrC subrK.
Qed.

(** So a rule that sends credit through B errs by the walks that meet W - B, and by what else it drops. *)
Corollary random_feedback substitute rule g F :
  let split_g := List.map (split_node R +%R -%R label substitute) g in
  forward all_labels g F
  = forward rule split_g F + path_sum (fun ls => ~~ kept rule ls) split_g F.
Proof. by move=> split_g; rewrite -residual_of_a_cut rule_plus_residual /split_g split_edges. Qed.

(** Direct, target, local: the rule has edges that the network has not; the truth drops them, as if they were absent. *)
Theorem absent_edges keep g F : forward keep (List.map (without R label keep) g) F = forward keep g F.
Proof.
rewrite /Graph.forward credits_eq // traces_eq // => v t /=; rewrite /Graph.enter.
elim: (edges v) => //= e es IH; case kept_e: (keep (name e)) => /=; rewrite IH //.
by rewrite [in RHS]/Graph.gate kept_e add0r.
Qed.

Corollary projected_feedback truth rule g F :
  forward truth (List.map (without R label truth) g) F
  = forward rule g F + path_sum (but label (kept truth) (kept rule)) g F
    - path_sum (but label (kept rule) (kept truth)) g F.
Proof. by rewrite absent_edges -(rule_plus_residual truth rule) residual_is_path_sum addrA. Qed.
End Tape.
