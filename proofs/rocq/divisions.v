(* The count in three divisions (64-bit) and in one (32-bit on 64-bit Xen): no search, and just what the search finds. *)

Require Import ZArith Lia List.
Require Import PtProof.count PtProof.words.
Open Scope Z_scope.

Section Divisions.
Variables S T : Z.
Hypothesis not_below_0 : 0 <= S.
Hypothesis above : S <= T.

(* The pages from 0 up to where the padding ends, without tables. *)
Definition b := (T + 4096 + 512 * 1024 + 4095) / 4096.

(* v counts the region's end in lines of 4 MiB. *)
Definition K_64 := 1 - S / 2097152 - S / 1073741824 - S / 549755813888.
Definition n_64 v := K_64 + 2 * v + (v + 255) / 256 + (v + 131071) / 131072.
Definition h_64 v := 1022 * v - (v + 255) / 256 - (v + 131071) / 131072.
Definition y_64 := Z.max 0 (b + K_64 - 1020).
Definition v_64 :=
  let rest := y_64 mod 133955071 in
  1 + 131072 * (y_64 / 133955071) + 256 * (rest / 261631) + (rest mod 261631 + 1021) / 1022.

Definition K_compat := 4 - S / 2097152 - S / 549755813888.
Definition n_compat v := K_compat + 2 * v + (v + 131071) / 131072.
Definition h_compat v := 1022 * v - (v + 131071) / 131072.
Definition y_compat := Z.max 0 (b + K_compat - 1021).
Definition v_compat := 1 + 131072 * (y_compat / 133955583) + (y_compat mod 133955583 + 1021) / 1022.

(* The region of n tables ends in line v just if v is the first line that has room for them. *)
Lemma V_in_lines n v : 1024 * (v - 1) < b + n <= 1024 * v <-> V T n = v * 4194304.
Proof.
  rewrite V_closed. unfold up, stack_end, b, MiB, KiB.
  change (4 * (1024 * 1024)) with 4194304. change (512 * 1024) with 524288.
  split; Z.to_euclidean_division_equations; lia.
Qed.

Lemma V_is_a_line n : exists v, V T n = v * 4194304.
Proof. rewrite V_closed. unfold up, MiB, KiB. eexists. reflexivity. Qed.

Lemma f_at_line_64 n v : V T n = v * 4194304 -> f x86_64 S T n = n_64 v.
Proof.
  intros line. unfold f, tables. rewrite line.
  cbn [x86_64 reaches fixed total fold_right].
  unfold spanned, n_64, K_64, GiB, MiB, KiB.
  change (512 * (1024 * (1024 * 1024))) with 549755813888. change (1024 * (1024 * 1024)) with 1073741824.
  change (2 * (1024 * 1024)) with 2097152.
  Z.to_euclidean_division_equations; lia.
Qed.

Lemma f_at_line_compat n v : V T n = v * 4194304 -> f compat S T n = n_compat v.
Proof.
  intros line. unfold f, tables. rewrite line.
  cbn [compat reaches fixed total fold_right].
  unfold spanned, n_compat, K_compat, GiB, MiB, KiB.
  change (512 * (1024 * (1024 * 1024))) with 549755813888.
  change (2 * (1024 * 1024)) with 2097152.
  Z.to_euclidean_division_equations; lia.
Qed.

Lemma h_grows_64 v w : v <= w -> h_64 v <= h_64 w.
Proof. unfold h_64. intros. Z.to_euclidean_division_equations; lia. Qed.

Lemma h_grows_compat v w : v <= w -> h_compat v <= h_compat w.
Proof. unfold h_compat. intros. Z.to_euclidean_division_equations; lia. Qed.

(* v is the first line, from the first on, that has room. *)
Lemma v_first_64 : 1 <= v_64 /\ b + K_64 <= h_64 v_64 /\ (v_64 = 1 \/ h_64 (v_64 - 1) < b + K_64).
Proof.
  unfold v_64, y_64; cbv zeta. set (x := b + K_64). clearbody x.
  set (y := Z.max 0 (x - 1020)). assert (y_is : 0 <= y /\ x - 1020 <= y /\ (y = 0 \/ y = x - 1020)) by lia.
  clearbody y.
  pose proof (Z.div_mod y 133955071 ltac:(lia)) as whole. pose proof (Z.mod_pos_bound y 133955071 ltac:(lia)).
  set (a := y / 133955071) in *. set (rest := y mod 133955071) in *. clearbody a rest.
  pose proof (Z.div_mod rest 261631 ltac:(lia)) as whole'. pose proof (Z.mod_pos_bound rest 261631 ltac:(lia)).
  set (c := rest / 261631) in *. set (last := rest mod 261631) in *. clearbody c last.
  assert (exists r, (last + 1021) / 1022 = r /\ last <= 1022 * r /\ 1022 * r < last + 1022) as (r & -> & ? & ?)
    by (eexists; split; [reflexivity |]; Z.to_euclidean_division_equations; lia).
  unfold h_64. repeat split; Z.to_euclidean_division_equations; lia.
Qed.

Lemma v_first_compat :
  1 <= v_compat /\ b + K_compat <= h_compat v_compat /\ (v_compat = 1 \/ h_compat (v_compat - 1) < b + K_compat).
Proof.
  unfold v_compat, y_compat, h_compat. set (x := b + K_compat). clearbody x.
  repeat split; Z.to_euclidean_division_equations; lia.
Qed.

(* What both widths share: the count at the first line with room is what the search finds. `leaves` is what the lines
   up to w leave for pages that are no tables. *)
Section First_line.
Variables (m : mode) (count leaves : Z -> Z) (K v : Z).
Hypothesis usual_m : usual m.
Hypothesis at_line : forall n w, V T n = w * 4194304 -> f m S T n = count w.
Hypothesis leaves_rest : forall w, leaves w = 1024 * w + K - count w.
Hypothesis leaves_grows : forall u w, u <= w -> leaves u <= leaves w.
Hypothesis count_grows : forall u w, u <= w -> count u <= count w.
Hypothesis first : 1 <= v /\ b + K <= leaves v /\ (v = 1 \/ leaves (v - 1) < b + K).
Hypothesis some_count : 0 <= count v.

Lemma found_at_first_line r : search m S T 2 r -> r = count v.
Proof.
  intros found.
  pose proof (exact m S T usual_m above r found) as fixed_point.
  pose proof (search_goes_up m S T 2 r found).
  destruct (V_is_a_line r) as [w line]. pose proof (at_line r w line) as r_is.
  pose proof (proj2 (V_in_lines r w) line) as at_w.
  destruct first as (some & fits & none_before).
  assert (1 <= w) by (pose proof (V_bounds T r) as ends; unfold stack_end, MiB, KiB in ends; lia).
  pose proof (leaves_rest v). pose proof (leaves_rest w). pose proof (leaves_rest (v - 1)).
  (* No line before v has room, so w is no earlier. *)
  assert (v <= w).
  { destruct (Z_le_gt_dec v w) as [| before]; [assumption | exfalso].
    destruct none_before as [one | short]; [lia |].
    pose proof (leaves_grows w (v - 1) ltac:(lia)). lia. }
  (* There v is a fixed point itself, so the search does not go past it. *)
  assert (V T (count v) = v * 4194304) as line'.
  { apply V_in_lines. split; [| lia]. destruct none_before as [one | short].
    - rewrite one in *. unfold b. Z.to_euclidean_division_equations; lia.
    - pose proof (count_grows (v - 1) v ltac:(lia)). lia. }
  pose proof (at_line _ _ line') as itself.
  pose proof (least m S T usual_m above r (count v) found ltac:(lia) ltac:(lia)).
  pose proof (count_grows v w ltac:(lia)). lia.
Qed.

End First_line.

(* The three divisions give what the search finds, neither more nor less. *)
Theorem closed_form_64 r : search x86_64 S T 2 r -> r = n_64 v_64.
Proof.
  pose proof v_first_64 as first.
  apply (found_at_first_line x86_64 n_64 h_64 K_64); auto using usual_x86_64, f_at_line_64, h_grows_64.
  - intros. unfold h_64, n_64. lia.
  - intros. unfold n_64. Z.to_euclidean_division_equations; lia.
  - set (v := v_64) in *. clearbody v. unfold h_64, n_64, K_64, b in *.
    Z.to_euclidean_division_equations; lia.
Qed.

(* And the two divisions of a 32-bit guest what its search finds. *)
Theorem closed_form_compat r : search compat S T 2 r -> r = n_compat v_compat.
Proof.
  pose proof v_first_compat as first.
  apply (found_at_first_line compat n_compat h_compat K_compat); auto using usual_compat, f_at_line_compat, h_grows_compat.
  - intros. unfold h_compat, n_compat. lia.
  - intros. unfold n_compat. Z.to_euclidean_division_equations; lia.
  - set (v := v_compat) in *. clearbody v. unfold h_compat, n_compat, K_compat, b in *.
    Z.to_euclidean_division_equations; lia.
Qed.

End Divisions.

(* The same of Xen's words: T is counted from S upwards, and the region may pass 2^64. *)
Theorem word_closed_form_64 S T r : 0 <= S < M -> 0 <= T < M -> word_search S T x86_64 2 r -> room S T r ->
  r = n_64 S (v_64 S (unwrapped S T)).
Proof.
  intros S_word T_word found has_room. apply closed_form_64; [lia | apply unwrapped_above |].
  apply word_search_is_search; auto; [| lia]. exact (word_f_is_f_64 S T T_word).
Qed.

Theorem word_closed_form_compat S T r : 0 <= S < M -> 0 <= T < M -> word_search S T compat 2 r -> room S T r ->
  r = n_compat S (v_compat S (unwrapped S T)).
Proof.
  intros S_word T_word found has_room. apply closed_form_compat; [lia | apply unwrapped_above |].
  apply word_search_is_search; auto; [| lia]. exact (word_f_is_f_compat S T T_word).
Qed.

(* What all of these rest on is asked once. *)
Definition theorems := (closed_form_64, closed_form_compat, word_closed_form_64, word_closed_form_compat).
Print Assumptions theorems.
