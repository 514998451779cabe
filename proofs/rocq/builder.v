(* The builder's mapping loop takes just the frames that were counted.

   The loop maps the region page by page. Where the cursor of a level stands at the end of a table, or nowhere yet, it
   takes the next frame for a new table and has the level above link it. The first table of each level is entered at
   S's own entry. Nothing here speaks of V or of the count until the loop has come to its end. *)

Require Import ZArith Lia List Bool.
Require Import PtProof.count PtProof.words.
Import ListNotations.
Open Scope Z_scope.

(* Of L1, L2 and L3: the entry that the cursor is before, 512 at the end of a table, 0 where there is none yet; and how
   many tables were taken. *)
Record cursors := { at1 : Z; at2 : Z; at3 : Z; l1 : Z; l2 : Z; l3 : Z }.

Definition no_tables := {| at1 := 0; at2 := 0; at3 := 0; l1 := 0; l2 := 0; l3 := 0 |}.

(* S's own entry in an L1, an L2 and an L3. *)
Definition own1 S := S / 4096 mod 512.
Definition own2 S := S / (2 * MiB) mod 512.
Definition own3 S := S / GiB mod 512.

(* Where the cursor is and how many tables there are, when an entry has been written: in a new table, or in the one
   that it was in. *)
Definition written (fresh first : bool) own at_ := (if fresh then if first then own else 0 else at_) + 1.
Definition with_new (fresh : bool) tables := if fresh then tables + 1 else tables.

(* One page mapped, as the code has it: the first page is known by its number. *)
Definition map_page S page c :=
  let first := page =? 0 in
  let fresh1 := at1 c mod 512 =? 0 in
  let fresh2 := fresh1 && (at2 c mod 512 =? 0) in
  let fresh3 := fresh2 && (at3 c mod 512 =? 0) in
  {| at1 := written fresh1 first (own1 S) (at1 c);
     at2 := if fresh1 then written fresh2 first (own2 S) (at2 c) else at2 c;
     at3 := if fresh2 then written fresh3 first (own3 S) (at3 c) else at3 c;
     l1 := with_new fresh1 (l1 c); l2 := with_new fresh2 (l2 c); l3 := with_new fresh3 (l3 c) |}.

Fixpoint mapped S pages :=
  match pages with O => no_tables | Datatypes.S before => map_page S (Z.of_nat before) (mapped S before) end.

(* A 64-bit guest's frames: its L4 is the first that is taken, before the loop. *)
Definition taken_64 c := 1 + l1 c + l2 c + l3 c.

(* A 32-bit guest has no L4 among them; its first L3 is taken before the loop, and counted by the first step here.
   After the loop each of the four slots of its L3 without an L2 gets one. *)
Definition has_l2 S c slot := (own3 S <=? slot) && (slot <? own3 S + l2 c).
Definition missing_l2 S c := fold_right (fun slot sum => (if has_l2 S c slot then 0 else 1) + sum) 0 [0; 1; 2; 3].
Definition taken_compat S c := l1 c + l2 c + l3 c + missing_l2 S c.

(* How many tables have the entries for so many of the level below, from S's own entry on. *)
Definition tables_for own below := (own + below + 511) / 512.
Definition cursor own below := (own + below - 1) mod 512 + 1.

Lemma next_entry own below : 0 <= own < 512 -> 1 <= below ->
  (cursor own below mod 512 = 0 /\ tables_for own (below + 1) = tables_for own below + 1 /\ cursor own (below + 1) = 1) \/
  (cursor own below mod 512 <> 0 /\ tables_for own (below + 1) = tables_for own below /\
   cursor own (below + 1) = cursor own below + 1).
Proof. intros. unfold cursor, tables_for. Z.to_euclidean_division_equations; lia. Qed.

Lemma first_entry own : 0 <= own < 512 -> tables_for own 1 = 1 /\ cursor own 1 = own + 1.
Proof. intros. unfold cursor, tables_for. Z.to_euclidean_division_equations; lia. Qed.

(* By induction over pages: each level has a table for every 512 of the level below, from S's own entry on. *)
Theorem tables_counted S pages : pages <> O ->
  let p := Z.of_nat pages in
  let n1 := tables_for (own1 S) p in let n2 := tables_for (own2 S) n1 in let n3 := tables_for (own3 S) n2 in
  mapped S pages = {| at1 := cursor (own1 S) p; at2 := cursor (own2 S) n1; at3 := cursor (own3 S) n2;
                      l1 := n1; l2 := n2; l3 := n3 |}.
Proof.
  intros some. assert (bounds : (0 <= own1 S < 512) /\ (0 <= own2 S < 512) /\ (0 <= own3 S < 512))
    by (repeat split; apply Z.mod_pos_bound; lia).
  destruct bounds as (own1_is & own2_is & own3_is).
  induction pages as [| pages IH]; [congruence |]. clear some. cbv zeta.
  change (mapped S (Datatypes.S pages)) with (map_page S (Z.of_nat pages) (mapped S pages)).
  destruct pages as [| pages].
  - unfold map_page, written, with_new. simpl.
    destruct (first_entry (own1 S) own1_is) as [-> ->]. destruct (first_entry (own2 S) own2_is) as [-> ->].
    destruct (first_entry (own3 S) own3_is) as [-> ->]. reflexivity.
  - rewrite IH by congruence. cbv zeta. clear IH. set (p := Z.of_nat (Datatypes.S pages)).
    assert (some : 1 <= p) by lia. replace (Z.of_nat (Datatypes.S (Datatypes.S pages))) with (p + 1) by lia.
    clearbody p. set (n1 := tables_for (own1 S) p). set (n2 := tables_for (own2 S) n1).
    assert (some1 : 1 <= n1) by (unfold n1, tables_for; Z.to_euclidean_division_equations; lia).
    assert (some2 : 1 <= n2) by (unfold n2, tables_for; clearbody n1; Z.to_euclidean_division_equations; lia).
    unfold map_page, written, with_new. simpl. replace (p =? 0) with false by lia.
    destruct (next_entry (own1 S) p own1_is some) as [(full & -> & ->) | (full & -> & ->)]; fold n1.
    2: { replace (cursor (own1 S) p mod 512 =? 0) with false by lia. simpl. fold n2. reflexivity. }
    rewrite full. simpl.
    destruct (next_entry (own2 S) n1 own2_is some1) as [(full2 & -> & ->) | (full2 & -> & ->)]; fold n2.
    2: { replace (cursor (own2 S) n1 mod 512 =? 0) with false by lia. simpl. reflexivity. }
    rewrite full2. simpl.
    destruct (next_entry (own3 S) n2 own3_is some2) as [(full3 & -> & ->) | (full3 & -> & ->)].
    2: { replace (cursor (own3 S) n2 mod 512 =? 0) with false by lia. simpl. reflexivity. }
    rewrite full3. reflexivity.
Qed.

(* No counter of the loop comes near to 2^64: the integers here are words. *)
Lemma few_tables own below : 0 <= own < 512 -> 0 <= below -> 0 <= tables_for own below <= below + 1.
Proof. intros. unfold tables_for. Z.to_euclidean_division_equations; lia. Qed.

(* Rounding to small blocks and then to large ones is rounding once. *)
Lemma level_1 S v : S < v * 4194304 ->
  tables_for (own1 S) ((v * 4194304 - S) / 4096) = spanned S (v * 4194304) (2 * MiB).
Proof.
  intros. unfold tables_for, own1, spanned, MiB, KiB. change (2 * (1024 * 1024)) with 2097152.
  Z.to_euclidean_division_equations; lia.
Qed.

Lemma level_2 S v : tables_for (own2 S) (spanned S v (2 * MiB)) = spanned S v GiB.
Proof.
  unfold tables_for, own2, spanned, GiB, MiB, KiB. change (2 * (1024 * 1024)) with 2097152.
  change (1024 * (1024 * 1024)) with 1073741824. Z.to_euclidean_division_equations; lia.
Qed.

Lemma level_3 S v : tables_for (own3 S) (spanned S v GiB) = spanned S v (512 * GiB).
Proof.
  unfold tables_for, own3, spanned, GiB, MiB, KiB. change (1024 * (1024 * 1024)) with 1073741824.
  change (512 * 1073741824) with 549755813888. Z.to_euclidean_division_equations; lia.
Qed.

Section Builder.
Variables S T : Z.
Hypothesis S_word : 0 <= S < M.
Hypothesis T_word : 0 <= T < M.

(* The pages that the loop maps, as the code reckons them. *)
Definition pages n := Z.to_nat (word (word_V T n - S) / 4096).

Let U := unwrapped S T.

Lemma pages_are n : 0 <= n -> room S T n -> pages n = Z.to_nat ((V U n - S) / 4096).
Proof.
  intros some has_room. destruct (region_has_room S T n some has_room) as [above_ short]. fold U in above_, short.
  pose proof (word_minus (V U n) S) as difference. rewrite (word_small S S_word) in difference.
  unfold pages. rewrite (word_V_is S T T_word). fold U. rewrite difference, word_small by (sizes; lia). reflexivity.
Qed.

Lemma levels_take v : S + 4096 <= v * 4194304 ->
  let c := mapped S (Z.to_nat ((v * 4194304 - S) / 4096)) in
  l1 c = spanned S (v * 4194304) (2 * MiB) /\ l2 c = spanned S (v * 4194304) GiB /\
  l3 c = spanned S (v * 4194304) (512 * GiB).
Proof.
  intros some c. unfold c.
  assert (1 <= (v * 4194304 - S) / 4096) by (apply Z.div_le_lower_bound; lia).
  rewrite tables_counted by lia. simpl. rewrite Z2Nat.id by lia.
  rewrite level_1, level_2, level_3 by lia. auto.
Qed.

Lemma region_levels n : 0 <= n -> room S T n ->
  let c := mapped S (pages n) in
  l1 c = spanned S (V U n) (2 * MiB) /\ l2 c = spanned S (V U n) GiB /\ l3 c = spanned S (V U n) (512 * GiB).
Proof.
  intros some has_room c. unfold c. rewrite (pages_are n some has_room).
  pose proof (V_bounds U n) as ends. unfold stack_end in ends. pose proof (unwrapped_above S T) as above. fold U in above.
  assert (exists v, V U n = v * 4194304) as [v line]
    by (rewrite V_closed; unfold up, MiB, KiB; eexists; reflexivity).
  rewrite line in *. apply levels_take. unfold KiB in *. lia.
Qed.

(* The claim `consumed-64`, for any n with room: the loop takes what the count says of n. *)
Theorem builder_takes_64 n : 0 <= n -> room S T n -> taken_64 (mapped S (pages n)) = word_f x86_64 S T n.
Proof.
  intros some has_room. destruct (region_levels n some has_room) as (l1_is & l2_is & l3_is).
  unfold taken_64. rewrite l1_is, l2_is, l3_is, (word_f_is_f_64 S T T_word) by assumption.
  unfold f, tables. cbn [x86_64 reaches fixed total fold_right]. fold U. lia.
Qed.

(* The claim `compat-four-l2`, for any n at all: where a 32-bit guest's region ends by 4 GiB, each slot gets its L2. *)
Lemma four_slots v : S + 4096 <= v * 4194304 <= 4 * GiB ->
  let c := mapped S (Z.to_nat ((v * 4194304 - S) / 4096)) in l2 c + missing_l2 S c = 4.
Proof.
  intros low c. destruct (levels_take v (proj1 low)) as (_ & l2_is & _). fold c in l2_is.
  unfold missing_l2, has_l2. rewrite l2_is. simpl fold_right.
  assert (own3 S = S / GiB /\ 0 <= S / GiB <= 3 /\ 1 <= spanned S (v * 4194304) GiB /\
    S / GiB + spanned S (v * 4194304) GiB <= 4) as (-> & ? & ? & ?).
  { unfold own3, spanned, GiB, MiB, KiB in *. change (1024 * (1024 * 1024)) with 1073741824 in *.
    change (4 * 1073741824) with 4294967296 in *. Z.to_euclidean_division_equations; lia. }
  set (x := S / GiB) in *. set (y := spanned S (v * 4194304) GiB) in *. clearbody x y.
  destruct (Z.leb_spec x 0), (Z.ltb_spec 0 (x + y)), (Z.leb_spec x 1), (Z.ltb_spec 1 (x + y)), (Z.leb_spec x 2),
    (Z.ltb_spec 2 (x + y)), (Z.leb_spec x 3), (Z.ltb_spec 3 (x + y)); simpl; lia.
Qed.

Theorem compat_four_l2 n : S + 4096 <= word_V T n <= 4 * GiB ->
  l2 (mapped S (pages n)) + missing_l2 S (mapped S (pages n)) = 4.
Proof.
  intros low. assert (exists v, word_V T n = v * 4194304) as [v line].
  { rewrite (word_V_closed T n T_word). unfold word_up, MiB, KiB. eexists. reflexivity. }
  unfold pages. rewrite line in *. rewrite word_small by (sizes; lia). apply four_slots. assumption.
Qed.

(* The claim `consumed-compat`, for any n with room whose region ends by 4 GiB. *)
Theorem builder_takes_compat n : 0 <= n -> room S T n -> S + 4096 <= word_V T n <= 4 * GiB ->
  taken_compat S (mapped S (pages n)) = word_f compat S T n.
Proof.
  intros some has_room low. destruct (region_levels n some has_room) as (l1_is & _ & l3_is).
  destruct (region_has_room S T n some has_room) as [above_ short]. fold U in above_, short.
  pose proof (compat_four_l2 n low) as four.
  assert (l3 (mapped S (pages n)) = 1) as one.
  { rewrite l3_is. assert (word_V T n = V U n) as same.
    { rewrite (word_V_is S T T_word) in low |- *. fold U in low |- *.
      destruct (word_differs_by (V U n)) as [k k_is]. rewrite k_is in low |- *. assert (k = 0) by (sizes; lia). lia. }
    rewrite same in low. set (v := V U n) in *. clearbody v. unfold spanned, GiB, MiB, KiB in *.
    change (512 * (1024 * (1024 * 1024))) with 549755813888. Z.to_euclidean_division_equations; lia. }
  unfold taken_compat. rewrite (word_f_is_f_compat S T T_word) by assumption.
  unfold f, tables. cbn [compat reaches fixed total fold_right]. fold U. rewrite <- l1_is, <- l3_is. lia.
Qed.

(* For the n of the search: the frames taken are those that were set aside. *)
Theorem consumed_64 r : word_search S T x86_64 2 r -> room S T r -> taken_64 (mapped S (pages r)) = r.
Proof.
  intros found has_room. pose proof (result_is_above S T _ _ _ found ltac:(lia)).
  rewrite builder_takes_64 by (auto; lia). apply word_exact_64; assumption.
Qed.

Theorem consumed_compat r : word_search S T compat 2 r -> room S T r -> S + 4096 <= word_V T r <= 4 * GiB ->
  taken_compat S (mapped S (pages r)) = r.
Proof.
  intros found has_room low. pose proof (result_is_above S T _ _ _ found ltac:(lia)).
  rewrite builder_takes_compat by (auto; lia). apply word_exact_compat; assumption.
Qed.

End Builder.

(* What all of these rest on is asked once. *)
Definition theorems := (tables_counted, builder_takes_64, builder_takes_compat, consumed_64, consumed_compat,
  compat_four_l2).
Print Assumptions theorems.
