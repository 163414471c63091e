(** The hypotheses of [Bound] can be met: the sum of the absolute entries is a submultiplicative norm. *)
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop ssralg
  order ssrnum zmodp matrix.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Open Scope ring_scope.

Section Norms.
Variable R : realFieldType.
Definition entries m n (A : 'M[R]_(m, n)) : R := \sum_i \sum_j `|A i j|.

Theorem entries_ge0 m n (A : 'M_(m, n)) : 0 <= entries A.
Proof. by do 2!apply: sumr_ge0 => ? _. Qed.

Theorem entries0 m n : entries (0 : 'M_(m, n)) = 0.
Proof. by apply: big1 => i _; apply: big1 => j _; rewrite mxE normr0. Qed.

Theorem entriesD m n (A B : 'M_(m, n)) : entries (A + B) <= entries A + entries B.
Proof.
rewrite -big_split; apply: ler_sum => i _; rewrite -big_split; apply: ler_sum => j _ /=.
by rewrite mxE ler_norm_add.
Qed.

Theorem entriesM m n p (A : 'M_(m, n)) (B : 'M_(n, p)) : entries (A *m B) <= entries A * entries B.
Proof.
have row_le j : \sum_k `|B j k| <= entries B.
  by rewrite /entries (bigD1 j) //= ler_addl sumr_ge0 // => ? _; apply: sumr_ge0.
rewrite mulr_suml; apply: ler_sum => i _; rewrite mulr_suml.
apply: (@le_trans _ _ (\sum_j `|A i j| * \sum_k `|B j k|)); last by apply: ler_sum => j _; apply: ler_wpmul2l.
under [X in _ <= X]eq_bigr do rewrite mulr_sumr.
rewrite exchange_big; apply: ler_sum => k _; rewrite mxE.
by apply: le_trans (ler_norm_sum _ _ _) _; apply: ler_sum => j _; rewrite normrM.
Qed.
End Norms.
