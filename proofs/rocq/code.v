(* The count as Xen's code writes it, with masks and shifts: the divisions of `words.v` are the same, for all words. *)

Require Import ZArith Lia List.
Require Import PtProof.count PtProof.words.
Open Scope Z_scope.

(* ~((1UL << k) - 1), and the macro NR(). *)
Definition mask k := M - 2 ^ k.
Definition up_to x k := Z.land (word (x + (2 ^ k - 1))) (mask k).
Definition NR low high k := Z.shiftr (word (up_to high k - Z.land low (mask k))) k.

(* v_end, from the end of the boot stack. *)
Definition code_V T n :=
  let vstack_end := word_stack_end T n in
  let v_end := up_to vstack_end 22 in
  if word (v_end - vstack_end) <? 512 * KiB then word (v_end + 4 * MiB) else v_end.

(* What nr_pt_pages is compared with: for a 64-bit guest an L4, for a 32-bit one four L2. *)
Definition code_f_64 S T n :=
  let v_end := code_V T n in word (word (word (1 + NR S v_end 39) + NR S v_end 30) + NR S v_end 21).
Definition code_f_compat S T n :=
  let v_end := code_V T n in word (word (word (0 + NR S v_end 39) + 4) + NR S v_end 21).

Lemma masked x k : 0 <= x < M -> 0 <= k <= 64 -> Z.land x (mask k) = x / 2 ^ k * 2 ^ k.
Proof.
  intros x_word k_shift.
  assert (mask k = Z.ldiff (Z.ones 64) (Z.ones k)) as ->.
  { rewrite Z.ldiff_ones_r, Z.shiftl_mul_pow2, Z.shiftr_div_pow2, Z.ones_equiv by lia. unfold mask, M.
    replace 64 with (64 - k + k) by lia. rewrite Z.pow_add_r by lia.
    assert (0 < 2 ^ k) by (apply Z.pow_pos_nonneg; lia).
    replace (Z.pred (2 ^ (64 - k) * 2 ^ k)) with ((2 ^ (64 - k) - 1) * 2 ^ k + (2 ^ k - 1)) by lia.
    rewrite Z.div_add_l by lia. rewrite (Z.div_small (2 ^ k - 1)) by lia. lia. }
  rewrite Z.ldiff_land, Z.land_assoc, Z.land_ones by lia.
  rewrite Z.mod_small by (unfold M in x_word; lia).
  rewrite <- Z.ldiff_land, Z.ldiff_ones_r, Z.shiftl_mul_pow2, Z.shiftr_div_pow2 by lia. reflexivity.
Qed.

Lemma up_to_is x k : 0 <= k <= 64 -> up_to x k = word_up x (2 ^ k).
Proof. intros. unfold up_to, word_up. apply masked; [apply Z.mod_pos_bound; sizes; lia | assumption]. Qed.

Lemma NR_is low high k : 0 <= low < M -> 0 <= k <= 64 -> NR low high k = word_spanned low high (2 ^ k).
Proof.
  intros. unfold NR, word_spanned. rewrite up_to_is, masked, Z.shiftr_div_pow2 by lia. reflexivity.
Qed.

Theorem code_V_is_word_V T n : code_V T n = word_V T n.
Proof. unfold code_V, word_V. rewrite up_to_is by lia. reflexivity. Qed.

Theorem code_f_is_word_f_64 S T n : 0 <= S < M -> code_f_64 S T n = word_f x86_64 S T n.
Proof.
  intros. unfold code_f_64, word_f, word_tables. cbn [x86_64 reaches fixed word_total fold_right].
  rewrite code_V_is_word_V, !NR_is by lia. set (v := word_V T n).
  change (2 ^ 39) with (512 * GiB). change (2 ^ 30) with GiB. change (2 ^ 21) with (2 * MiB).
  pose proof (word_spanned_most S v (512 * GiB) (2 ^ 25) ltac:(sizes; lia) ltac:(sizes; lia)) as a_small.
  pose proof (word_spanned_most S v GiB (2 ^ 34) ltac:(sizes; lia) ltac:(sizes; lia)) as b_small.
  pose proof (word_spanned_most S v (2 * MiB) (2 ^ 43) ltac:(sizes; lia) ltac:(sizes; lia)) as c_small.
  set (a := word_spanned S v (512 * GiB)) in *. set (b := word_spanned S v GiB) in *.
  set (c := word_spanned S v (2 * MiB)) in *. clearbody a b c.
  change (2 ^ 25) with 33554432 in *. change (2 ^ 34) with 17179869184 in *. change (2 ^ 43) with 8796093022208 in *.
  rewrite (word_small (1 + a)), (word_small (1 + a + b)), (word_small (c + 0)), (word_small (b + _)), (word_small (a + _))
    by (sizes; lia).
  f_equal. lia.
Qed.

Theorem code_f_is_word_f_compat S T n : 0 <= S < M -> code_f_compat S T n = word_f compat S T n.
Proof.
  intros. unfold code_f_compat, word_f, word_tables. cbn [compat reaches fixed word_total fold_right].
  rewrite code_V_is_word_V, !NR_is by lia. set (v := word_V T n).
  change (2 ^ 39) with (512 * GiB). change (2 ^ 21) with (2 * MiB).
  pose proof (word_spanned_most S v (512 * GiB) (2 ^ 25) ltac:(sizes; lia) ltac:(sizes; lia)) as a_small.
  pose proof (word_spanned_most S v (2 * MiB) (2 ^ 43) ltac:(sizes; lia) ltac:(sizes; lia)) as c_small.
  set (a := word_spanned S v (512 * GiB)) in *. set (c := word_spanned S v (2 * MiB)) in *. clearbody a c.
  change (2 ^ 25) with 33554432 in *. change (2 ^ 43) with 8796093022208 in *.
  rewrite (word_small (0 + a)), (word_small (0 + a + 4)), (word_small (c + 0)), (word_small (a + _)) by (sizes; lia).
  f_equal. lia.
Qed.

(* What all of these rest on is asked once. *)
Definition theorems := (code_V_is_word_V, code_f_is_word_f_64, code_f_is_word_f_compat).
Print Assumptions theorems.
