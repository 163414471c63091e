(** UORO and KF-RTRL: the mean over all signs is the influence matrix exactly, whatever even normalisers are used.

    Nothing is sampled: an expectation over fair signs is the sum over all of them divided by their number. A history is
    the list of what was drawn, the latest first. *)
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype finfun bigop ssralg
  order ssrnum zmodp matrix.
From Gradcert Require Import Layer.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory Num.Theory.
Open Scope ring_scope.

Section Histories.
Variables (V : zmodType) (draws : finType).

(** The sum over all histories of [t] draws. *)
Fixpoint total t (f : seq draws -> V) : V :=
  if t is t'.+1 then total t' (fun h => \sum_(x : draws) f (x :: h)) else f [::].

Lemma eq_total t (f g : seq draws -> V) : (forall h, size h = t -> f h = g h) -> total t f = total t g.
Proof.
elim: t f g => [|t IH] f g same /=; first exact: same.
by apply: IH => h size_h; apply: eq_bigr => x _; apply: same; rewrite /= size_h.
Qed.

Lemma totalD t (f g : seq draws -> V) : total t (fun h => f h + g h) = total t f + total t g.
Proof.
elim: t f g => [|t IH] f g //=; rewrite -IH.
by apply: eq_total => h _; rewrite big_split.
Qed.

Lemma total_const t (v : V) : total t (fun=> v) = v *+ #|draws| ^ t.
Proof.
elim: t v => [|t IH] v //=; under eq_total do rewrite sumr_const.
by rewrite IH -mulrnA expnS.
Qed.

Lemma totalMn t (f : seq draws -> V) k : total t (fun h => f h *+ k) = total t f *+ k.
Proof.
elim: t f => [|t IH] f //=; rewrite -IH.
by apply: eq_total => h _; rewrite -sumrMnl.
Qed.
End Histories.

Lemma total_linear (V W : zmodType) (draws : finType) (L : {additive V -> W}) t (f : seq draws -> V) :
  total t (fun h => L (f h)) = L (total t f).
Proof.
elim: t f => [|t IH] f //=; rewrite -IH.
by apply: eq_total => h _; rewrite raddf_sum.
Qed.

(** What is even in a sign sums to nothing against that sign. *)
Lemma flip_sum (V : zmodType) (draws : finType) (flip : draws -> draws) (f : draws -> V) :
  (forall v : V, v + v = 0 -> v = 0) -> involutive flip -> (forall x, f (flip x) = - f x) -> \sum_x f x = 0.
Proof.
move=> no_two flipK odd; apply: no_two; rewrite {1}(reindex_inj (inv_inj flipK)) -big_split big1 // => x _ /=.
by rewrite odd addNr.
Qed.

Section Signs.
Variable R : numFieldType.

Lemma no_two (m n : nat) (v : 'M[R]_(m, n)) : v + v = 0 -> v = 0.
Proof.
move=> vv; apply/matrixP => i j; move/matrixP: vv => /(_ i j); rewrite !mxE => /eqP.
by rewrite -mulr2n mulrn_eq0 => /eqP.
Qed.

(** ** UORO: a column of signs per step *)
Section Uoro.
Variables (m p : nat) (J : nat -> 'M[R]_m) (F : nat -> 'M[R]_(m, p)).
Notation signs := {ffun 'I_m -> bool}.
Definition column (x : signs) : 'cV[R]_m := \col_i (-1) ^+ x i.
Definition negated (x : signs) : signs := [ffun i => ~~ x i].

(** Normalisers may depend on everything drawn so far, as those of the paper do; they are not 0, and do not change where
    the signs of the present step are all negated: norms do not. *)
Variables r0 r1 : signs -> seq signs -> R.
Hypotheses (r0_neq0 : forall x h, r0 x h != 0) (r1_neq0 : forall x h, r1 x h != 0).
Hypotheses (r0_even : forall x h, r0 (negated x) h = r0 x h) (r1_even : forall x h, r1 (negated x) h = r1 x h).

(** The two factors of the estimate, after a history of draws. *)
Fixpoint left_factor (h : seq signs) : 'cV[R]_m :=
  if h is x :: h' then r0 x h' *: (J (size h') *m left_factor h') + r1 x h' *: column x else 0.
Fixpoint right_factor (h : seq signs) : 'rV[R]_p :=
  if h is x :: h' then (r0 x h')^-1 *: right_factor h' + (r1 x h')^-1 *: ((column x)^T *m F (size h')) else 0.

Lemma negatedK : involutive negated.
Proof. by move=> x; apply/ffunP => i; rewrite !ffunE negbK. Qed.

Lemma column_negated x : column (negated x) = - column x.
Proof. by apply/colP => i; rewrite !mxE ffunE; case: (x i); rewrite ?expr0 ?expr1 ?opprK. Qed.

(** Signs of different entries are independent: the mean of nu nu^T is the unit matrix. *)
Lemma outer_signs : \sum_x column x *m (column x)^T = 1%:M *+ #|{: signs}|.
Proof.
apply/matrixP => i j; rewrite summxE mulmxnE !mxE.
under eq_bigr do rewrite !mxE big_ord1 !mxE.
case: (i =P j) => [<-|/eqP neq_ij].
  under eq_bigr do rewrite -exprMn mulrNN mulr1 expr1n.
  by rewrite sumr_const.
rewrite mul0rn; pose flip (x : signs) : signs := [ffun k => (k == i) (+) x k].
apply: (@flip_sum _ _ flip) => [v vv|x|x].
- by move/eqP: vv; rewrite -mulr2n mulrn_eq0 => /eqP.
- by apply/ffunP => k; rewrite !ffunE addbA addbb.
- rewrite /flip !ffunE eqxx [j == i]eq_sym (negbTE neq_ij) addTb addFb.
  by case: (x i); rewrite /= ?expr0 ?expr1 ?mulN1r ?mul1r ?opprK.
Qed.

Lemma uoro_step h : \sum_x left_factor (x :: h) *m right_factor (x :: h)
  = (J (size h) *m (left_factor h *m right_factor h) + F (size h)) *+ #|{: signs}|.
Proof.
set A := left_factor h; set B := right_factor h; set t := size h.
have expand x : left_factor (x :: h) *m right_factor (x :: h)
  = J t *m (A *m B) + column x *m (column x)^T *m F t
    + ((r0 x h / r1 x h) *: (J t *m A *m ((column x)^T *m F t)) + (r1 x h / r0 x h) *: (column x *m B)).
  rewrite /= -/A -/B -/t mulmxDl !mulmxDr -!scalemxAl -!scalemxAr !scalerA !divff // !scale1r -!mulmxA.
  by rewrite [r1 x h * _ *: _ + _]addrC addrACA.
under eq_bigr do rewrite expand.
rewrite big_split /= [X in _ + X](@flip_sum _ _ negated) ?addr0.
- rewrite big_split /= sumr_const -mulmx_suml outer_signs mulrnDl -[1%:M *+ _]scaler_nat.
  by rewrite -scalemxAl mul1mx scaler_nat.
- exact: no_two.
- exact: negatedK.
- by move=> x; rewrite r0_even r1_even column_negated linearN /= !mulNmx !mulmxN !scalerN opprD.
Qed.

Lemma uoro_trace t :
  total t.+1 (fun h => left_factor h *m right_factor h) = trace J F t *+ #|{: signs}| ^ t.+1.
Proof.
have step u : total u.+1 (fun h => left_factor h *m right_factor h)
  = (J u *m total u (fun h => left_factor h *m right_factor h) + F u *+ #|{: signs}| ^ u) *+ #|{: signs}|.
  rewrite [LHS]/=; under eq_total => h size_h do rewrite uoro_step size_h.
  by rewrite totalMn totalD total_const -(total_linear (mulmx_additive _ (J u))).
elim: t => [|t IH]; rewrite step ?IH /=; first by rewrite mul0mx mulmx0 add0r expn0 mulr1n expn1.
rewrite -[X in J _ *m X]scaler_nat -scalemxAr scaler_nat -mulrnDl -mulrnA.
by rewrite [in RHS]expnSr.
Qed.

(** The estimate that a run returns: at every step, credit times the two factors of that step. *)
Variable q : nat -> 'rV[R]_m.
Fixpoint uoro (h : seq signs) : 'rV[R]_p :=
  if h is _ :: h' then uoro h' + q (size h') *m (left_factor h *m right_factor h) else 0.

(** Summed over all signs and divided by their number, it is the gradient. *)
Theorem uoro_unbiased T : total T uoro = gradient J F q T *+ #|{: signs}| ^ T.
Proof.
rewrite -forward_is_gradient; elim: T => [|T IH]; first by rewrite /forward big_ord0 mul0rn.
have -> : total T.+1 uoro = total T (fun h =>
    uoro h *+ #|{: signs}| + q T *m \sum_x left_factor (x :: h) *m right_factor (x :: h)).
  by apply: (@eq_total _ _ T) => h size_h; rewrite big_split sumr_const -mulmx_sumr size_h.
rewrite totalD totalMn IH (total_linear (mulmx_additive _ (q T))).
rewrite -[total T (fun h => \sum_x _)]/(total T.+1 (fun h => left_factor h *m right_factor h)) uoro_trace /=.
rewrite -[X in q T *m X]scaler_nat -scalemxAr scaler_nat -mulrnA -expnSr -mulrnDl.
by rewrite /forward big_ord_recr.
Qed.
End Uoro.

(** ** KF-RTRL: two signs per step, weights that feed a drive, W a^t *)
Section Kf.
Variables (m k n : nat) (J : nat -> 'M[R]_m) (slope : nat -> 'M[R]_(m, k)) (a : nat -> 'cV[R]_n).
Notation signs := (bool * bool)%type.
Definition sign (b : bool) : R := (-1) ^+ b.

(** Normalisers depend on the past: on what was drawn before this step. *)
Variables p1 p2 : seq signs -> R.
Hypotheses (p1_neq0 : forall h, p1 h != 0) (p2_neq0 : forall h, p2 h != 0).

Fixpoint kron_left (h : seq signs) : 'M[R]_(m, k) :=
  if h is x :: h' then
    (sign x.1 / p1 h') *: (J (size h') *m kron_left h') + (sign x.2 / p2 h') *: slope (size h') else 0.
Fixpoint kron_right (h : seq signs) : 'cV[R]_n :=
  if h is x :: h' then (sign x.1 * p1 h') *: kron_right h' + (sign x.2 * p2 h') *: a (size h') else 0.

Lemma sign_square b : sign b * sign b = 1.
Proof. by rewrite /sign; case: b; rewrite ?expr1 ?expr0 ?mulrNN mulr1. Qed.

(** Along a direction dW of the weights, as in [Ottt]: the Kronecker product is the whole influence matrix. *)
Variable dW : 'M[R]_(k, n).
Lemma kf_step h : \sum_x kron_left (x :: h) *m dW *m kron_right (x :: h)
  = (J (size h) *m (kron_left h *m dW *m kron_right h) + slope (size h) *m dW *m a (size h)) *+ #|{: signs}|.
Proof.
set A := kron_left h; set u := kron_right h; set t := size h.
have expand x : kron_left (x :: h) *m dW *m kron_right (x :: h)
  = J t *m (A *m dW *m u) + slope t *m dW *m a t
    + (sign x.1 * sign x.2) *: ((p2 h / p1 h) *: (J t *m A *m dW *m a t) + (p1 h / p2 h) *: (slope t *m dW *m u)).
  rewrite /= -/A -/u -/t !mulmxDl !mulmxDr -!scalemxAl -!scalemxAr !scalerA -!mulmxA.
  have same b (p : R) : p != 0 -> sign b / p * (sign b * p) = 1.
    by move=> p_neq0; rewrite mulrACA sign_square mul1r mulVf.
  rewrite !same // !scale1r [X in _ + X = _]addrC addrACA; congr (_ + _).
  rewrite scalerDr !scalerA; congr (_ *: _ + _ *: _); rewrite mulrACA [_^-1 * _]mulrC //.
  by rewrite [sign x.2 * _]mulrC.
under eq_bigr do rewrite expand.
rewrite big_split /= sumr_const -scaler_suml [X in X *: _](_ : _ = 0) ?scale0r ?addr0 //.
apply: (@flip_sum _ _ (fun x => (~~ x.1, x.2))) => [v|[b b']|[b b']] /=; rewrite ?negbK //.
  by move/eqP; rewrite -mulr2n mulrn_eq0 => /eqP.
by rewrite /sign; case: b; rewrite ?expr0 ?expr1 ?mulN1r ?mul1r ?opprK.
Qed.

Lemma kf_trace t : total t.+1 (fun h => kron_left h *m dW *m kron_right h)
  = trace J (fun t => slope t *m dW *m a t) t *+ #|{: signs}| ^ t.+1.
Proof.
have step u : total u.+1 (fun h => kron_left h *m dW *m kron_right h)
  = (J u *m total u (fun h => kron_left h *m dW *m kron_right h)
     + (slope u *m dW *m a u) *+ #|{: signs}| ^ u) *+ #|{: signs}|.
  rewrite [LHS]/=; under eq_total => h size_h do rewrite kf_step size_h.
  by rewrite totalMn totalD total_const -(total_linear (mulmx_additive _ (J u))).
elim: t => [|t IH]; rewrite step ?IH /=; first by rewrite !mul0mx mulmx0 add0r expn0 mulr1n expn1.
rewrite -[X in J _ *m X]scaler_nat -scalemxAr scaler_nat -mulrnDl -mulrnA.
by rewrite [in RHS]expnSr.
Qed.

Variable q : nat -> 'rV[R]_m.
Fixpoint kf (h : seq signs) : 'M[R]_1 :=
  if h is _ :: h' then kf h' + q (size h') *m (kron_left h *m dW *m kron_right h) else 0.

Theorem kf_unbiased T : total T kf = gradient J (fun t => slope t *m dW *m a t) q T *+ #|{: signs}| ^ T.
Proof.
rewrite -forward_is_gradient; elim: T => [|T IH]; first by rewrite /forward big_ord0 mul0rn.
have -> : total T.+1 kf = total T (fun h =>
    kf h *+ #|{: signs}| + q T *m \sum_x kron_left (x :: h) *m dW *m kron_right (x :: h)).
  by apply: (@eq_total _ _ T) => h size_h; rewrite big_split sumr_const -mulmx_sumr size_h.
rewrite totalD totalMn IH (total_linear (mulmx_additive _ (q T))).
rewrite -[total T (fun h => \sum_x _)]/(total T.+1 (fun h => kron_left h *m dW *m kron_right h)) kf_trace /=.
rewrite -[X in q T *m X]scaler_nat -scalemxAr scaler_nat -mulrnA -expnSr -mulrnDl.
by rewrite /forward big_ord_recr.
Qed.
End Kf.
End Signs.
