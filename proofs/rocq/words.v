(* Xen's own arithmetic, on 64-bit words that wrap, computes the count of `count.v` wherever there is room.

   Everything is counted from S upwards: the region may pass 2^64, where V comes out small. `room` is that of the tool:
   going up from S one meets T and then the tables' end, and the region is 2^40 bytes short of the whole address space. *)

Require Import ZArith Lia List.
Require Import PtProof.count.
Import ListNotations.
Open Scope Z_scope.

Definition M := 2 ^ 64.
Definition word x := x mod M.

(* round_up and round_down to a multiple of s, the masks of which are exact for powers of two; and the macro NR(). *)
Definition word_up x s := word (x + (s - 1)) / s * s.
Definition word_spanned low high s := word (word_up high s - low / s * s) / s.

(* The region's end, step by step as the code has it. *)
Definition word_stack_end T n := word (word (T + word (4096 * n)) + 4096).
Definition word_V T n :=
  let e := word_stack_end T n in
  let v := word_up e (4 * MiB) in
  if word (v - e) <? 512 * KiB then word (v + 4 * MiB) else v.

Definition word_total low high := fold_right (fun s sum => word (word_spanned low high s + sum)) 0.
Definition word_tables m S end_ := word (fixed m + word_total S end_ (reaches m)).
Definition word_f m S T n := word_tables m S (word_V T n).

(* T, counted from S upwards. *)
Definition unwrapped S T := S + word (T - S).

Definition room S T n := word (T - S) + 4096 * n + 4096 + 512 * KiB + 4 * MiB <= M - 2 * (512 * GiB).

Ltac sizes := unfold word, M, GiB, MiB, KiB in *; change (2 ^ 64) with 18446744073709551616 in *.

Lemma word_congruent x y : (exists k, x = y + k * M) -> word x = word y.
Proof. intros [k ->]. unfold word. apply Z.mod_add. discriminate. Qed.

Lemma word_differs_by x : exists k, word x = x + k * M.
Proof. exists (- (x / M)). unfold word. pose proof (Z.div_mod x M ltac:(discriminate)). lia. Qed.

(* Rounding commutes with wrapping, to sizes that divide the address space. *)
Lemma floor_word x s c : 0 < s -> M = c * s -> word x / s * s = word (x / s * s).
Proof.
  intros positive divides.
  destruct (word_differs_by x) as [k k_is]. rewrite k_is.
  replace (x + k * M) with (x + (k * c) * s) by (rewrite divides; ring).
  rewrite Z.div_add by lia.
  replace ((x / s + k * c) * s) with (x / s * s + k * M) by (rewrite divides; ring).
  assert (0 <= x / s * s + k * M < M).
  { assert (bounds : 0 <= x + k * M < M) by (rewrite <- k_is; apply Z.mod_pos_bound; sizes; lia).
    pose proof (Z.mul_div_le x s positive). pose proof (Z.mul_succ_div_gt x s positive).
    replace (x / s * s + k * M) with ((x / s + k * c) * s) by (rewrite divides; ring).
    assert (upper : (x / s + k * c) * s <= x + k * M) by (rewrite divides; nia).
    assert (lower : x + k * M < (x / s + k * c + 1) * s) by (rewrite divides; nia).
    set (q := x / s + k * c) in *. destruct (Z_lt_le_dec q 0); [| split; [apply Z.mul_nonneg_nonneg |]; lia].
    assert ((q + 1) * s <= 0) by nia. lia. }
  symmetry. unfold word at 1. rewrite <- (Z.mod_small (x / s * s + k * M) M) by assumption.
  symmetry. unfold word. apply Z.mod_add. discriminate.
Qed.

Lemma word_up_is x s c : 0 < s -> M = c * s -> word_up (word x) s = word (up x s).
Proof.
  intros positive divides. unfold word_up, up.
  replace (word (word x + (s - 1))) with (word (x + (s - 1))).
  - apply (floor_word _ _ c); assumption.
  - destruct (word_differs_by x) as [k k_is]. rewrite k_is. apply word_congruent. exists (- k). ring.
Qed.

Lemma word_minus x y : word (word x - word y) = word (x - y).
Proof. unfold word. rewrite <- Zminus_mod. reflexivity. Qed.

Lemma word_plus x y : word (word x + y) = word (x + y).
Proof. unfold word. apply Zplus_mod_idemp_l. Qed.

Lemma word_small x : 0 <= x < M -> word x = x.
Proof. apply Z.mod_small. Qed.

Lemma unwrapped_is S T : 0 <= T < M -> word (unwrapped S T) = T.
Proof.
  intros. unfold unwrapped. destruct (word_differs_by (T - S)) as [k k_is]. rewrite k_is.
  rewrite <- (word_small T) at 2 by assumption. apply word_congruent. exists k. ring.
Qed.

Section Words.
Variables S T : Z.
Hypothesis S_word : 0 <= S < M.
Hypothesis T_word : 0 <= T < M.

Lemma word_stack_end_is n : word_stack_end T n = word (stack_end (unwrapped S T) n).
Proof.
  unfold word_stack_end, stack_end. rewrite <- (unwrapped_is S T T_word) at 1.
  unfold word. rewrite Zplus_mod_idemp_l. rewrite <- Z.add_assoc, Zplus_mod_idemp_l, Z.add_assoc.
  rewrite (Z.add_comm (unwrapped S T) ((4096 * n) mod M)). rewrite <- Z.add_assoc, Zplus_mod_idemp_l.
  f_equal. ring.
Qed.

Lemma word_V_is n : word_V T n = word (V (unwrapped S T) n).
Proof.
  unfold word_V, V; cbv zeta. rewrite word_stack_end_is.
  set (e := stack_end (unwrapped S T) n).
  rewrite (word_up_is e (4 * MiB) (2 ^ 42)) by (sizes; lia).
  rewrite word_minus.
  assert (0 <= up e (4 * MiB) - e < 4 * MiB)
    by (unfold up; sizes; Z.to_euclidean_division_equations; lia).
  rewrite (word_small (up e (4 * MiB) - e)) by (sizes; lia).
  destruct (up e (4 * MiB) - e <? 512 * KiB); [| reflexivity].
  apply word_plus.
Qed.

Lemma word_spanned_is v s c :
  0 < s -> M = c * s -> S <= v -> v - S + 2 * s <= M ->
  word_spanned S (word v) s = spanned S v s.
Proof.
  intros positive divides above_ short. unfold word_spanned, spanned.
  rewrite (word_up_is v s c) by assumption. unfold up.
  replace (word (word ((v + (s - 1)) / s * s) - S / s * s))
    with (word (((v + (s - 1)) / s - S / s) * s)).
  - assert (0 <= (v + (s - 1)) / s - S / s)
      by (pose proof (Z.div_le_mono S (v + (s - 1)) s positive); lia).
    assert (((v + (s - 1)) / s - S / s) * s < M).
    { pose proof (Z.mul_div_le (v + (s - 1)) s positive). pose proof (Z.mul_succ_div_gt S s positive). nia. }
    rewrite word_small by nia. apply Z.div_mul. lia.
  - unfold word. rewrite Zminus_mod_idemp_l. f_equal. ring.
Qed.

Lemma spanned_small v s : 0 < s -> S <= v -> v - S <= M -> 2 * MiB <= s -> 0 <= spanned S v s <= 2 ^ 44.
Proof.
  intros positive above_ short large. split.
  - unfold spanned. pose proof (Z.div_le_mono S (v + (s - 1)) s positive). lia.
  - pose proof (spanned_most S v s positive). set (q := spanned S v s) in *.
    destruct (Z_le_gt_dec q 2) as [few | many]; [sizes; lia |].
    assert ((q - 2) * (2 * MiB) <= (q - 2) * s) by nia. sizes; lia.
Qed.

(* The region [S, V), counted from S upwards, where there is room. *)
Lemma region_has_room n : 0 <= n -> room S T n ->
  S <= V (unwrapped S T) n /\ V (unwrapped S T) n - S <= M - 2 * (512 * GiB).
Proof.
  intros some enough. pose proof (V_bounds (unwrapped S T) n) as ends. unfold stack_end in ends.
  assert (0 <= word (T - S)) by (apply Z.mod_pos_bound; sizes; lia).
  unfold room in enough. unfold unwrapped in *. unfold KiB, MiB, GiB in *. lia.
Qed.

(* Both counts: what Xen computes on words is what count.v says of integers. *)
Theorem word_f_is_f_64 n : 0 <= n -> room S T n -> word_f x86_64 S T n = f x86_64 S (unwrapped S T) n.
Proof.
  intros some enough. destruct (region_has_room n some enough) as [above_ short].
  unfold word_f, f, word_tables, tables. rewrite word_V_is. set (v := V (unwrapped S T) n) in *.
  cbn [x86_64 reaches fixed word_total total fold_right].
  rewrite (word_spanned_is v (512 * GiB) (2 ^ 25)) by (sizes; lia).
  rewrite (word_spanned_is v GiB (2 ^ 34)) by (sizes; lia).
  rewrite (word_spanned_is v (2 * MiB) (2 ^ 43)) by (sizes; lia).
  pose proof (spanned_small v (512 * GiB)). pose proof (spanned_small v GiB).
  pose proof (spanned_small v (2 * MiB)).
  change (2 ^ 44) with 17592186044416 in *.
  set (a := spanned S v (512 * GiB)) in *. set (b := spanned S v GiB) in *. set (c := spanned S v (2 * MiB)) in *.
  assert (0 <= a <= 17592186044416 /\ 0 <= b <= 17592186044416 /\ 0 <= c <= 17592186044416)
    by (clearbody a b c; sizes; lia).
  clearbody a b c. rewrite (word_small (c + 0)), (word_small (b + _)), (word_small (a + _)) by (sizes; lia).
  apply word_small. sizes; lia.
Qed.

Theorem word_f_is_f_compat n : 0 <= n -> room S T n -> word_f compat S T n = f compat S (unwrapped S T) n.
Proof.
  intros some enough. destruct (region_has_room n some enough) as [above_ short].
  unfold word_f, f, word_tables, tables. rewrite word_V_is. set (v := V (unwrapped S T) n) in *.
  cbn [compat reaches fixed word_total total fold_right].
  rewrite (word_spanned_is v (512 * GiB) (2 ^ 25)) by (sizes; lia).
  rewrite (word_spanned_is v (2 * MiB) (2 ^ 43)) by (sizes; lia).
  pose proof (spanned_small v (512 * GiB)). pose proof (spanned_small v (2 * MiB)).
  change (2 ^ 44) with 17592186044416 in *.
  set (a := spanned S v (512 * GiB)) in *. set (c := spanned S v (2 * MiB)) in *.
  assert (0 <= a <= 17592186044416 /\ 0 <= c <= 17592186044416) by (clearbody a c; sizes; lia).
  clearbody a c. rewrite (word_small (c + 0)), (word_small (a + _)) by (sizes; lia).
  apply word_small. sizes; lia.
Qed.

Lemma unwrapped_above : S <= unwrapped S T.
Proof. unfold unwrapped. pose proof (Z.mod_pos_bound (T - S) M). sizes; lia. Qed.

(* The search as Xen runs it, on words; also where there is no room. *)
Inductive word_search (m : mode) : Z -> Z -> Prop :=
| word_stop n : word_f m S T n <= n -> word_search m n n
| word_next n r : n < word_f m S T n -> word_search m (word (n + 1)) r -> word_search m n r.

Lemma word_f_word m n : 0 <= word_f m S T n < M.
Proof. apply Z.mod_pos_bound. sizes; lia. Qed.

(* The count that is tried does not wrap: it stays below some count. *)
Lemma next_tried m n : 0 <= n < word_f m S T n -> word (n + 1) = n + 1.
Proof. intros. pose proof (word_f_word m n). apply word_small. lia. Qed.

Lemma result_is_above m n r : word_search m n r -> 0 <= n -> n <= r.
Proof. induction 1; intros; [lia |]. rewrite next_tried with (m := m) in * by lia. lia. Qed.

Lemma word_spanned_most low high s c : 0 < s -> M = c * s -> 0 <= word_spanned low high s < c.
Proof.
  intros positive divides. unfold word_spanned.
  pose proof (Z.mod_pos_bound (word_up high s - low / s * s) M ltac:(sizes; lia)) as bounds. fold (word (word_up high s - low / s * s)) in bounds.
  split; [apply Z.div_pos; lia | apply Z.div_lt_upper_bound; lia].
Qed.

(* What bounds any count, whatever the region: the tables of the whole address space. *)
Definition most m := if fixed m =? 4 then 0x80002000002 else 0x80401fffffe.

Lemma word_f_bounds_64 n : 0 <= word_f x86_64 S T n <= most x86_64.
Proof.
  unfold word_f, word_tables. cbn [x86_64 reaches fixed word_total fold_right most Z.eqb Pos.eqb].
  set (v := word_V T n).
  pose proof (word_spanned_most S v (512 * GiB) (2 ^ 25)) as a. pose proof (word_spanned_most S v GiB (2 ^ 34)) as b.
  pose proof (word_spanned_most S v (2 * MiB) (2 ^ 43)) as c.
  specialize (a ltac:(sizes; lia) ltac:(sizes; lia)). specialize (b ltac:(sizes; lia) ltac:(sizes; lia)).
  specialize (c ltac:(sizes; lia) ltac:(sizes; lia)).
  change (2 ^ 25) with 33554432 in a. change (2 ^ 34) with 17179869184 in b. change (2 ^ 43) with 8796093022208 in c.
  set (x := word_spanned S v (512 * GiB)) in *. set (y := word_spanned S v GiB) in *.
  set (z := word_spanned S v (2 * MiB)) in *. clearbody x y z.
  rewrite (word_small (z + 0)), (word_small (y + _)), (word_small (x + _)) by (sizes; lia).
  rewrite word_small by (sizes; lia). lia.
Qed.

Lemma word_f_bounds_compat n : 4 <= word_f compat S T n <= most compat.
Proof.
  unfold word_f, word_tables. cbn [compat reaches fixed word_total fold_right most Z.eqb Pos.eqb].
  set (v := word_V T n).
  pose proof (word_spanned_most S v (512 * GiB) (2 ^ 25)) as a. pose proof (word_spanned_most S v (2 * MiB) (2 ^ 43)) as c.
  specialize (a ltac:(sizes; lia) ltac:(sizes; lia)). specialize (c ltac:(sizes; lia) ltac:(sizes; lia)).
  change (2 ^ 25) with 33554432 in a. change (2 ^ 43) with 8796093022208 in c.
  set (x := word_spanned S v (512 * GiB)) in *. set (z := word_spanned S v (2 * MiB)) in *. clearbody x z.
  rewrite (word_small (z + 0)), (word_small (x + _)) by (sizes; lia).
  rewrite word_small by (sizes; lia). lia.
Qed.

Lemma word_search_stops m bound : (forall n, word_f m S T n <= bound) ->
  forall steps n, 0 <= n <= bound -> bound - n = Z.of_nat steps -> exists r, word_search m n r /\ r <= bound.
Proof.
  intros bounded. induction steps as [| steps IH]; intros n within left.
  - exists n. split; [apply word_stop; specialize (bounded n) |]; lia.
  - destruct (Z_le_gt_dec (word_f m S T n) n) as [stops | goes].
    + exists n. split; [apply word_stop |]; lia.
    + specialize (IH (n + 1)). destruct IH as (r & found & r_bound).
      * pose proof (bounded n). lia.
      * lia.
      * exists r. split; [| assumption]. apply word_next; [lia |]. rewrite (next_tried m) by lia. exact found.
Qed.

(* The claim `terminates`, of words: the search stops for every S and T, with room or without. *)
Theorem word_terminates_64 : exists r, word_search x86_64 2 r /\ r <= 0x80401fffffe.
Proof.
  apply (word_search_stops x86_64 _ (fun n => proj2 (word_f_bounds_64 n)) (Z.to_nat (most x86_64 - 2)));
    unfold most; simpl fixed; simpl Z.eqb; cbv iota; lia.
Qed.

Theorem word_terminates_compat : exists r, word_search compat 2 r /\ r <= 0x80002000002.
Proof.
  apply (word_search_stops compat _ (fun n => proj2 (word_f_bounds_compat n)) (Z.to_nat (most compat - 2)));
    unfold most; simpl fixed; simpl Z.eqb; cbv iota; lia.
Qed.

(* The claim `least`, of words, with room or without: no count from where the search starts is smaller and enough. *)
Lemma word_least m n r k : word_search m n r -> 0 <= n <= k -> word_f m S T k <= k -> r <= k.
Proof.
  induction 1 as [n stops | n r goes found IH]; intros; [lia |].
  rewrite (next_tried m) in IH by lia. apply IH; [| assumption].
  assert (n <> k) by (intro; subst; lia). lia.
Qed.

Theorem word_least_64 r k : word_search x86_64 2 r -> 2 <= k -> word_f x86_64 S T k <= k -> r <= k.
Proof. intros. apply (word_least x86_64 2); auto. lia. Qed.

(* A 32-bit dom0 takes four tables whatever the region: so no k below 2 is enough. *)
Theorem word_least_compat r k : word_search compat 2 r -> word_f compat S T k <= k -> r <= k.
Proof. intros. apply (word_least compat 2); auto. pose proof (word_f_bounds_compat k). lia. Qed.

Definition agrees m := forall n, 0 <= n -> room S T n -> word_f m S T n = f m S (unwrapped S T) n.

Lemma room_below n k : n <= k -> room S T k -> room S T n.
Proof. unfold room. lia. Qed.

(* A search that ends where there is room is the search of count.v: no word in it has wrapped unseen. *)
Theorem word_search_is_search m n r : agrees m -> 0 <= n -> word_search m n r -> room S T r ->
  search m S (unwrapped S T) n r.
Proof.
  intros same some found. induction found as [n enough | n r more found IH]; intros has_room.
  - constructor. rewrite <- same; auto.
  - rewrite (next_tried m) in * by lia. pose proof (result_is_above m (n + 1) r found ltac:(lia)).
    apply next; [rewrite <- same; auto; apply (room_below n r); auto; lia | apply IH; auto; lia].
Qed.

(* The claim `exact`, of words: under room, what Xen's search finds is just what the region takes. *)
Lemma word_exact m r : usual m -> agrees m -> word_search m 2 r -> room S T r -> word_f m S T r = r.
Proof.
  intros usual_m same found has_room. pose proof (result_is_above _ _ _ found ltac:(lia)).
  rewrite same by (auto; lia). apply (exact m S (unwrapped S T) usual_m unwrapped_above).
  apply word_search_is_search; auto; lia.
Qed.

Theorem word_exact_64 r : word_search x86_64 2 r -> room S T r -> word_f x86_64 S T r = r.
Proof. apply word_exact; [exact usual_x86_64 | exact word_f_is_f_64]. Qed.

Theorem word_exact_compat r : word_search compat 2 r -> room S T r -> word_f compat S T r = r.
Proof. apply word_exact; [exact usual_compat | exact word_f_is_f_compat]. Qed.

End Words.

(* The claims `v-end-closed` and `padding`, of all words. *)
Theorem word_V_closed T n : 0 <= T < M -> word_V T n = word_up (word (word_stack_end T n + 512 * KiB)) (4 * MiB).
Proof.
  intros T_word. rewrite (word_V_is T T T_word), (word_stack_end_is T T T_word), word_plus.
  rewrite V_closed, (word_up_is _ (4 * MiB) (2 ^ 42)) by (sizes; lia). reflexivity.
Qed.

Theorem padding T n : 0 <= T < M -> 512 * KiB <= word (word_V T n - word_stack_end T n) < 512 * KiB + 4 * MiB.
Proof.
  intros T_word. rewrite (word_V_is T T T_word), (word_stack_end_is T T T_word), word_minus.
  pose proof (V_bounds (unwrapped T T) n). rewrite word_small; unfold KiB, MiB in *; sizes; lia.
Qed.

(* What all of these rest on is asked once. *)
Definition theorems := (word_exact_64, word_exact_compat, word_least_64, word_least_compat,
  word_terminates_64, word_terminates_compat, word_V_closed, padding).
Print Assumptions theorems.
