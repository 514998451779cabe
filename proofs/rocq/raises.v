(* Counting without a search: how many raises are enough.

   The rule is applied to a tables set aside, and then to what it gave, time and again. By how much that falls short of
   the search's result r shrinks about 512 times at each raise; once it is 1024 tables at most, which fill a line of
   4 MiB, one more raise ends in r's own line, and the next gives r. *)

Require Import ZArith Lia List.
Require Import PtProof.count PtProof.words.
Import ListNotations.
Open Scope Z_scope.

(* How far the region's end moves at most, when X more tables are set aside, and how many tables more that takes. *)
Definition moved X := up (4096 * X) (4 * MiB).
Definition more m w := fold_right (fun s sum => (w + (s - 1)) / s + sum) 0 (reaches m).
Definition shortage m X := more m (moved X).

(* The shortage, after so many raises more. *)
Fixpoint left m X k := match k with O => shortage m X | Datatypes.S before => shortage m (left m X before) end.

Section Raises.
Variables (m : mode) (S T : Z).
Hypothesis usual_m : usual m.
Hypothesis above : S <= T.

Lemma V_moves n k : n <= k -> V T k <= V T n + moved (k - n).
Proof.
  intros. rewrite !V_closed. unfold moved, up, stack_end, MiB, KiB. Z.to_euclidean_division_equations; lia.
Qed.

Lemma spanned_moves v w x s : 0 < s -> w <= v + x -> spanned S w s <= spanned S v s + (x + (s - 1)) / s.
Proof.
  intros positive near. unfold spanned.
  assert ((w + (s - 1)) / s < (v + (s - 1)) / s + (x + (s - 1)) / s + 1); [| lia].
  apply Z.div_lt_upper_bound; [assumption |].
  pose proof (Z.mul_succ_div_gt (v + (s - 1)) s positive).
  pose proof (Z.mul_succ_div_gt (x + (s - 1)) s positive). nia.
Qed.

Lemma f_moves n k : n <= k -> f m S T k <= f m S T n + shortage m (k - n).
Proof.
  intros order. pose proof (V_moves n k order) as near. unfold f, tables, shortage, more.
  destruct usual_m as (_ & _ & _ & large).
  induction (reaches m) as [| s others IH]; simpl; [lia |].
  inversion large; subst. specialize (IH H2).
  pose proof (spanned_moves (V T n) (V T k) (moved (k - n)) s). unfold MiB, KiB in *. lia.
Qed.

Lemma shortage_grows X Y : X <= Y -> shortage m X <= shortage m Y.
Proof.
  intros order. unfold shortage, more. destruct usual_m as (_ & _ & _ & large).
  assert (moved X <= moved Y) by (unfold moved, up, MiB, KiB; Z.to_euclidean_division_equations; lia).
  induction (reaches m) as [| s others IH]; simpl; [lia |].
  inversion large; subst. specialize (IH H3).
  assert ((moved X + (s - 1)) / s <= (moved Y + (s - 1)) / s) by (apply Z.div_le_mono; unfold MiB, KiB in *; lia). lia.
Qed.

Lemma what_is_left r a X k : search m S T 2 r -> a <= r -> r - a <= X -> r - raised m S T a k <= left m X k.
Proof.
  intros found low short. pose proof (exact m S T usual_m above r found) as fixed_point.
  induction k as [| k IH]; simpl.
  - pose proof (f_moves a r low). pose proof (shortage_grows _ _ short). lia.
  - pose proof (raises_stay_below m S T usual_m above r a k found low) as below.
    pose proof (f_moves _ _ below). pose proof (shortage_grows _ _ IH). lia.
Qed.

(* From 1024 tables below r on, two more counts come to r. *)
Lemma settles r n : search m S T 2 r -> 0 <= n <= r -> r - n <= 1024 -> f m S T (f m S T n) = r.
Proof.
  intros found low close. pose proof (exact m S T usual_m above r found) as fixed_point.
  set (k := f m S T n).
  assert (below : k <= r) by (unfold k; rewrite <- fixed_point; apply f_grows; auto; lia).
  assert (some : 2 <= k) by (apply f_least; auto; lia).
  assert (rises : n <= k).
  { destruct (Z_le_gt_dec n k); [assumption | exfalso].
    assert (f m S T n <= n) as enough by (fold k; lia).
    assert (r = n) as at_r by (pose proof (least m S T usual_m above r n found ltac:(lia) enough); lia).
    unfold k in *. rewrite <- at_r, fixed_point in *. lia. }
  destruct (Z.eq_dec (V T n) (V T k)) as [same | moves].
  - assert (f m S T k = k) as itself by (unfold k at 2; unfold f; rewrite same; reflexivity).
    pose proof (least m S T usual_m above r k found ltac:(lia) ltac:(lia)). lia.
  - assert (V T k = V T r) as same.
    { pose proof (V_grows T n k rises). pose proof (V_grows T k r below).
      rewrite !V_closed in *. unfold up, stack_end, MiB, KiB in *.
      clearbody k. clear fixed_point. Z.to_euclidean_division_equations; lia. }
    rewrite <- fixed_point. unfold f. rewrite same. reflexivity.
Qed.

Theorem raises_are_enough r a X k : search m S T 2 r -> 0 <= a <= r -> r - a <= X -> left m X k <= 1024 ->
  raised m S T a (Datatypes.S (Datatypes.S k)) = r.
Proof.
  intros found low short settled. pose proof (what_is_left r a X k found (proj2 low) short).
  pose proof (raises_stay_below m S T usual_m above r a k found (proj2 low)).
  pose proof (raised_least m S T usual_m above a k (proj1 low)). destruct usual_m as (few & _).
  simpl raised. apply settles; auto; lia.
Qed.

End Raises.

(* The same of words. *)
Section Words.
Variables S T : Z.
Hypothesis S_word : 0 <= S < M.
Hypothesis T_word : 0 <= T < M.

Fixpoint word_raised m a k :=
  match k with O => word_f m S T a | Datatypes.S before => word_f m S T (word_raised m a before) end.

Variable m : mode.
Hypothesis usual_m : usual m.
Hypothesis same : agrees S T m.
Hypothesis no_more : forall n, word_f m S T n <= most m.

Let U := unwrapped S T.
Let above : S <= U := unwrapped_above S T.

Lemma found_by_search r : word_search S T m 2 r -> room S T r -> search m S U 2 r.
Proof. intros. apply word_search_is_search; auto; lia. Qed.

Lemma words_are_raised r a k : search m S U 2 r -> room S T r -> 0 <= a <= r -> word_raised m a k = raised m S U a k.
Proof.
  intros found has_room low. induction k as [| k IH]; simpl.
  - apply same; [lia | apply (room_below S T a r); [lia | assumption]].
  - rewrite IH. pose proof (raises_stay_below m S U usual_m above r a k found (proj2 low)).
    pose proof (raised_least m S U usual_m above a k (proj1 low)). destruct usual_m as (few & _).
    apply same; [lia | apply (room_below S T _ r); [lia | assumption]].
Qed.

(* The claim `static-lower`: from no tables, or from as many as there are at least. *)
Lemma word_static_lower r a k : word_search S T m 2 r -> room S T r ->
  0 <= a <= fixed m + Z.of_nat (length (reaches m)) -> word_raised m a k <= r.
Proof.
  intros found has_room low. pose proof (found_by_search r found has_room) as found'.
  pose proof (exact m S U usual_m above r found') as fixed_point.
  pose proof (search_goes_up m S U 2 r found').
  pose proof (f_at_least m S U usual_m above r ltac:(lia)).
  rewrite (words_are_raised r a k) by (auto; lia). apply raises_stay_below; auto; lia.
Qed.

Lemma word_raises_are_enough r a X k : word_search S T m 2 r -> room S T r ->
  0 <= a <= fixed m + Z.of_nat (length (reaches m)) -> r - a <= X -> left m X k <= 1024 ->
  word_raised m a (Datatypes.S (Datatypes.S k)) = r.
Proof.
  intros found has_room low short settled. pose proof (found_by_search r found has_room) as found'.
  pose proof (exact m S U usual_m above r found') as fixed_point.
  pose proof (search_goes_up m S U 2 r found').
  pose proof (f_at_least m S U usual_m above r ltac:(lia)).
  rewrite (words_are_raised r a) by (auto; lia). apply raises_are_enough with (X := X); auto; lia.
Qed.

Lemma word_one_raise r : word_search S T m 2 r -> room S T r -> r <= 1024 -> word_raised m 0 1 = r.
Proof.
  intros found has_room short. pose proof (found_by_search r found has_room) as found'.
  pose proof (search_goes_up m S U 2 r found').
  rewrite (words_are_raised r 0) by (auto; lia). apply settles; auto; lia.
Qed.

(* The claim `static`: six counts in a row, wherever there is room. *)
Lemma word_five_raises r : word_search S T m 2 r -> room S T r -> left m (most m) 3 <= 1024 -> word_raised m 0 5 = r.
Proof.
  intros found has_room settled. destruct usual_m as (few & _). apply (word_raises_are_enough r 0 (most m) 3); auto; [lia |].
  pose proof (word_exact S T m r usual_m same found has_room). specialize (no_more r). lia.
Qed.

(* Where the tables start within L bytes of S, a count k that is enough bounds the result, and so there is room. *)
Lemma word_bounded r k : word_search S T m 2 r -> 2 <= k -> room S T k -> f m S U k <= k -> room S T r /\ r <= k.
Proof.
  intros found some has_room enough.
  assert (r <= k) by (apply (word_least S T m 2 r k); auto; [lia | rewrite same by (auto; lia); exact enough]).
  split; [apply (room_below S T r k) |]; assumption.
Qed.

End Words.

Definition TiB := 1024 * GiB.

Section Static.
Variables S T r : Z.
Hypothesis S_word : 0 <= S < M.
Hypothesis T_word : 0 <= T < M.

Theorem static_lower_64 a k : word_search S T x86_64 2 r -> room S T r -> 0 <= a <= 4 -> word_raised S T x86_64 a k <= r.
Proof.
  intros. apply word_static_lower; auto; [exact usual_x86_64 | exact (word_f_is_f_64 S T T_word)].
Qed.

Theorem static_lower_compat a k : word_search S T compat 2 r -> room S T r -> 0 <= a <= 6 -> word_raised S T compat a k <= r.
Proof.
  intros. apply word_static_lower; auto; [exact usual_compat | exact (word_f_is_f_compat S T T_word)].
Qed.

Theorem static_64 : word_search S T x86_64 2 r -> room S T r -> word_raised S T x86_64 0 5 = r.
Proof.
  intros. apply word_five_raises; auto; [exact usual_x86_64 | exact (word_f_is_f_64 S T T_word) | |].
  - intros. apply word_f_bounds_64.
  - vm_compute. discriminate.
Qed.

Theorem static_compat : word_search S T compat 2 r -> room S T r -> word_raised S T compat 0 5 = r.
Proof.
  intros. apply word_five_raises; auto; [exact usual_compat | exact (word_f_is_f_compat S T T_word) | |].
  - intros. apply word_f_bounds_compat.
  - vm_compute. discriminate.
Qed.

Lemma enough_64 L k : word (T - S) <= L ->
  262144 * (k - 7) * 2097152 >= (262144 + 512 + 1) * (L + 4096 * k + 4096 + 512 * KiB + 4 * MiB) ->
  f x86_64 S (unwrapped S T) k <= k.
Proof.
  intros near large. pose proof (V_bounds (unwrapped S T) k) as ends.
  unfold f, tables. cbn [x86_64 reaches fixed total fold_right].
  set (v := V (unwrapped S T) k) in *. unfold stack_end, unwrapped in ends.
  pose proof (spanned_most S v (512 * GiB) ltac:(sizes; lia)). pose proof (spanned_most S v GiB ltac:(sizes; lia)).
  pose proof (spanned_most S v (2 * MiB) ltac:(sizes; lia)).
  set (x := spanned S v (512 * GiB)) in *. set (y := spanned S v GiB) in *. set (z := spanned S v (2 * MiB)) in *.
  clearbody x y z v. unfold GiB, MiB, KiB in *. lia.
Qed.

Lemma enough_compat L k : word (T - S) <= L ->
  262144 * (k - 8) * 2097152 >= (262144 + 1) * (L + 4096 * k + 4096 + 512 * KiB + 4 * MiB) ->
  f compat S (unwrapped S T) k <= k.
Proof.
  intros near large. pose proof (V_bounds (unwrapped S T) k) as ends.
  unfold f, tables. cbn [compat reaches fixed total fold_right].
  set (v := V (unwrapped S T) k) in *. unfold stack_end, unwrapped in ends.
  pose proof (spanned_most S v (512 * GiB) ltac:(sizes; lia)).
  pose proof (spanned_most S v (2 * MiB) ltac:(sizes; lia)).
  set (x := spanned S v (512 * GiB)) in *. set (z := spanned S v (2 * MiB)) in *.
  clearbody x z v. unfold GiB, MiB, KiB in *. lia.
Qed.

(* The claim `raises-64`: three raises within 506 TiB, from no tables or from up to 4. *)
Theorem three_raises_64 a : word_search S T x86_64 2 r -> word (T - S) <= 506 * TiB -> 0 <= a <= 4 ->
  word_raised S T x86_64 a 3 = r.
Proof.
  intros found near low.
  assert (room S T r /\ r <= 266400000) as [has_room few].
  { apply (word_bounded S T x86_64 (word_f_is_f_64 S T T_word)); auto; [lia | |].
    - unfold room, TiB in *. sizes; lia.
    - apply (enough_64 (506 * TiB)); [assumption |]. unfold TiB, GiB, MiB, KiB. lia. }
  apply (word_raises_are_enough S T x86_64 usual_x86_64 (word_f_is_f_64 S T T_word) r a 266400000 1); auto; [lia |].
  vm_compute. discriminate.
Qed.

(* One within 2 GiB, less 32 MiB. *)
Theorem one_raise_64 : word_search S T x86_64 2 r -> word (T - S) <= 2 * GiB - 32 * MiB -> word_raised S T x86_64 0 1 = r.
Proof.
  intros found near.
  assert (room S T r /\ r <= 1024) as [has_room few].
  { apply (word_bounded S T x86_64 (word_f_is_f_64 S T T_word)); auto; [lia | |].
    - unfold room in *. sizes; lia.
    - apply (enough_64 (2 * GiB - 32 * MiB)); [assumption |]. unfold GiB, MiB, KiB. lia. }
  apply (word_one_raise S T x86_64 usual_x86_64 (word_f_is_f_64 S T T_word)); auto.
Qed.

(* What `raises-compat-1` leaves: two raises within 4 GiB, from no tables or from up to 6. *)
Theorem two_raises_compat a : word_search S T compat 2 r -> word (T - S) <= 4 * GiB -> 0 <= a <= 6 ->
  word_raised S T compat a 2 = r.
Proof.
  intros found near low.
  assert (room S T r /\ r <= 2100) as [has_room few].
  { apply (word_bounded S T compat (word_f_is_f_compat S T T_word)); auto; [lia | |].
    - unfold room in *. sizes; lia.
    - apply (enough_compat (4 * GiB)); [assumption |]. unfold GiB, MiB, KiB. lia. }
  apply (word_raises_are_enough S T compat usual_compat (word_f_is_f_compat S T T_word) r a 2100 0); auto; [lia |].
  vm_compute. discriminate.
Qed.

End Static.

(* Three raises are needed somewhere, and for a 32-bit dom0 two. *)
Theorem two_raises_are_too_few_64 : exists T r, 0 <= T < M /\ word (T - 0) <= 506 * TiB /\
  word_search 0 T x86_64 2 r /\ word_raised 0 T x86_64 0 2 < r.
Proof.
  exists 0x10000373000. destruct (word_terminates_64 0 0x10000373000) as (r & found & _). exists r.
  repeat split; try (vm_compute; congruence); [exact found |].
  rewrite <- (three_raises_64 0 0x10000373000 r) with (a := 0); try assumption; try (vm_compute; intuition discriminate).
Qed.

Theorem one_raise_is_too_few_compat : exists T r, 0 <= T < M /\ word (T - 0) <= 4 * GiB /\
  word_search 0 T compat 2 r /\ word_raised 0 T compat 0 1 < r.
Proof.
  exists 0x7f37f000. destruct (word_terminates_compat 0 0x7f37f000) as (r & found & _). exists r.
  repeat split; try (vm_compute; congruence); [exact found |].
  rewrite <- (two_raises_compat 0 0x7f37f000 r) with (a := 0); try assumption; try (vm_compute; intuition discriminate).
Qed.

(* What all of these rest on is asked once. *)
Definition theorems := (static_lower_64, static_lower_compat, static_64, static_compat, three_raises_64,
  one_raise_64, two_raises_compat, two_raises_are_too_few_64, one_raise_is_too_few_compat).
Print Assumptions theorems.
