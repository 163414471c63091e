(** What runs: an unrolled network as a list of nodes, and the programs that differentiate it.

    Cells, layers, steps, lateral weights, feedback matrices: each is an edge from an earlier node, with a coefficient
    (a local derivative) and a label. A learning rule says which labels it keeps. A node has a label too, its site, so
    that a rule can close a node (SnAp-n closes the units that a parameter does not reach).

    Only definitions, on lists and with the arithmetic as arguments, so that Coq can run them ([Small]), OCaml can run
    them ([Programs]), and [Tape] can prove what they compute over every ring. The newest node comes first; an edge
    counts its source back from its own node, 0 being the node just before. *)
Require Import List Bool PeanoNat.
Import ListNotations.

Section Graph.
Variables (A : Type) (zero : A) (add mul : A -> A -> A) (opp : A -> A) (label : Type).

Record edge := Edge { back : nat; coefficient : A; name : label }.
Record node := Node { edges : list edge; credit : A; site : label }.  (* credit: what the loss charges the node *)
Definition tape := list node.

Fixpoint sum {X} (f : X -> A) (l : list X) : A := match l with [] => zero | x :: l' => add (f x) (sum f l') end.
Fixpoint dot (u v : list A) : A :=
  match u, v with x :: u', y :: v' => add (mul x y) (dot u' v') | _, _ => zero end.

(** What a rule lets through at a label. *)
Definition gate (keep : label -> bool) (l : label) (x : A) : A := if keep l then x else zero.

(** What the truth lets through and the rule does not, less what the rule lets through and the truth does not. *)
Definition swap (truth rule : label -> bool) (l : label) (x : A) : A :=
  if truth l then (if rule l then zero else x) else (if rule l then opp x else zero).

(** ** Forward accumulation: the derivative of every node by one parameter, and nothing of the past but these.
    [F] holds the immediate derivatives, node by node. *)
Definition enter (on : label -> A -> A) (es : list edge) (t : list A) : A :=
  sum (fun e => on (name e) (mul (coefficient e) (nth (back e) t zero))) es.
Fixpoint traces (keep : label -> bool) (g : tape) (F : list A) : list A :=
  match g with
  | [] => []
  | v :: past =>
      let t := traces keep past (tl F) in
      gate keep (site v) (add (enter (gate keep) (edges v) t) (hd zero F)) :: t
  end.
Definition forward keep (g : tape) (F : list A) : A := dot (map credit g) (traces keep g F).

(** ** Reverse accumulation: one sweep for all parameters. [p] is what later nodes have sent to the nodes of [g]. *)
Fixpoint charge (i : nat) (x : A) (p : list A) : list A :=
  match i, p with
  | O, [] => [x]
  | O, y :: p' => add y x :: p'
  | S i', [] => zero :: charge i' x []
  | S i', y :: p' => y :: charge i' x p'
  end.
Fixpoint send (on : label -> A -> A) (es : list edge) (c : A) (p : list A) : list A :=
  match es with
  | [] => p
  | e :: es' => send on es' c (charge (back e) (on (name e) (mul c (coefficient e))) p)
  end.
Fixpoint adjoints (keep : label -> bool) (g : tape) (p : list A) : list A :=
  match g with
  | [] => []
  | v :: past =>
      let c := gate keep (site v) (add (credit v) (hd zero p)) in
      c :: adjoints keep past (send (gate keep) (edges v) c (tl p))
  end.
Definition reverse keep (g : tape) (F : list A) : A := dot (adjoints keep g []) F.

(** ** The residual of a rule against a truth: one sweep with a second adjoint, for walks on which they have parted. *)
Fixpoint parted (truth rule : label -> bool) (g : tape) (p r : list A) : list A :=
  match g with
  | [] => []
  | v :: past =>
      let arrived := add (credit v) (hd zero p) in
      let c := gate rule (site v) arrived in
      let d := add (gate truth (site v) (hd zero r)) (swap truth rule (site v) arrived) in
      d :: parted truth rule past (send (gate rule) (edges v) c (tl p))
             (send (gate truth) (edges v) d (send (swap truth rule) (edges v) c (tl r)))
  end.
Definition residual truth rule (g : tape) (F : list A) : A := dot (parted truth rule g [] []) F.

(** ** The definition that the three programs are measured against: every walk from a use of the parameter to a node,
    one by one, as the list of its labels (latest first) and the product of its coefficients. *)
Definition walk := (list label * A)%type.
Definition extend (v : node) (e : edge) (q : walk) : walk :=
  (site v :: name e :: fst q, mul (coefficient e) (snd q)).
Fixpoint walks (g : tape) (F : list A) : list (list walk) :=
  match g with
  | [] => []
  | v :: past =>
      let w := walks past (tl F) in
      (([site v], hd zero F) :: flat_map (fun e => map (extend v e) (nth (back e) w [])) (edges v)) :: w
  end.
Definition sum_where (P : list label -> bool) (ws : list walk) : A :=
  sum (fun q : walk => if P (fst q) then snd q else zero) ws.
Definition path_sum (P : list label -> bool) (g : tape) (F : list A) : A :=
  dot (map credit g) (map (sum_where P) (walks g F)).

(** Predicates on walks. *)
Definition kept (keep : label -> bool) (ls : list label) : bool := forallb keep ls.
Definition but (P Q : list label -> bool) (ls : list label) : bool := P ls && negb (Q ls).
Definition ticks (clock : label -> bool) (ls : list label) : nat := length (filter clock ls).
Definition within (clock : label -> bool) (w : nat) (ls : list label) : bool := Nat.ltb (ticks clock ls) w.
Definition both (P Q : list label -> bool) (ls : list label) : bool := P ls && Q ls.

(** ** Random feedback: an edge with a substitute becomes two, the substitute and what is missing to the original. *)
Definition split (substitute : edge -> option (A * label * label)) (e : edge) : list edge :=
  match substitute e with
  | None => [e]
  | Some (b, used, missing) => [Edge (back e) b used; Edge (back e) (add (coefficient e) (opp b)) missing]
  end.
Definition split_node substitute (v : node) : node :=
  Node (flat_map (split substitute) (edges v)) (credit v) (site v).

(** Direct, target and local feedback are edges that the true network does not have: taking them out. *)
Definition without (keep : label -> bool) (v : node) : node :=
  Node (filter (fun e => keep (name e)) (edges v)) (credit v) (site v).
End Graph.

Arguments Edge {A label}. Arguments back {A label}. Arguments coefficient {A label}. Arguments name {A label}.
Arguments Node {A label}. Arguments edges {A label}. Arguments credit {A label}. Arguments site {A label}.

(** ** Windows: the same programs in the arithmetic of polynomials, whose degree counts steps in time. *)
Section Window.
Variables (A : Type) (zero : A) (add mul : A -> A -> A) (opp : A -> A) (label : Type) (clock : label -> bool).

Fixpoint poly_add (p q : list A) : list A :=
  match p, q with [], _ => q | _, [] => p | x :: p', y :: q' => add x y :: poly_add p' q' end.
Fixpoint poly_mul (p q : list A) : list A :=
  match p with [] => [] | x :: p' => poly_add (map (mul x) q) (zero :: poly_mul p' q) end.
Definition poly_opp (p : list A) : list A := map opp p.

Definition aged_edge (e : edge A label) : edge (list A) label :=
  Edge (back e) (if clock (name e) then [zero; coefficient e] else [coefficient e]) (name e).
Definition aged (v : node A label) : node (list A) label := Node (map aged_edge (edges v)) [credit v] (site v).
Definition once (F : list A) : list (list A) := map (fun x => [x]) F.

Definition total (p : list A) : A := fold_right add zero p.
Definition forward_aged keep (g : tape A label) F := forward _ [] poly_add poly_mul _ keep (map aged g) (once F).
Definition reverse_aged keep (g : tape A label) F := reverse _ [] poly_add poly_mul _ keep (map aged g) (once F).

(** Fewer than [w] steps in time; [w] or more. *)
Definition window_forward w keep g F := total (firstn w (forward_aged keep g F)).
Definition window_reverse w keep g F := total (firstn w (reverse_aged keep g F)).
Definition window_beyond w keep g F := total (skipn w (forward_aged keep g F)).
End Window.
