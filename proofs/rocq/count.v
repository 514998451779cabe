(* The count of page-table frames over the integers: what the search finds is exact and least, and it stops.

   S = v_start, T = vpt_start, V = v_end, n = nr_pt_pages; addresses and sizes are in bytes. A level is given by how many
   bytes one of its tables reaches. `words.v` shows that Xen's 64-bit words compute just this wherever there is room. *)

Require Import ZArith Lia List.
Import ListNotations.
Open Scope Z_scope.

Definition KiB := 1024.
Definition MiB := 1024 * KiB.
Definition GiB := 1024 * MiB.

(* x rounded up to a multiple of s. *)
Definition up x s := (x + (s - 1)) / s * s.

(* How many blocks of s bytes the range [low, high) touches. *)
Definition spanned low high s := (high + (s - 1)) / s - low / s.

(* A paging mode: tables that are taken whatever the region, and the reach of a table of each other level. *)
Record mode := { fixed : Z; reaches : list Z }.

Definition x86_64 := {| fixed := 1; reaches := [512 * GiB; GiB; 2 * MiB] |}.
Definition compat := {| fixed := 4; reaches := [512 * GiB; 2 * MiB] |}.

(* What the proofs need of a mode; both have it. *)
Definition usual m :=
  0 <= fixed m <= 4 /\ 2 <= fixed m + Z.of_nat (length (reaches m)) /\ (length (reaches m) <= 3)%nat /\
  Forall (fun s => 2 * MiB <= s) (reaches m).

Lemma usual_x86_64 : usual x86_64.
Proof. unfold usual, x86_64, GiB, MiB, KiB; simpl. repeat split; repeat constructor; lia. Qed.

Lemma usual_compat : usual compat.
Proof. unfold usual, compat, GiB, MiB, KiB; simpl. repeat split; repeat constructor; lia. Qed.

(* The end of the boot stack, and of the region: rounded up to 4 MiB, and 4 MiB more where less than 512 KiB is left. *)
Definition stack_end T n := T + 4096 * n + 4096.
Definition V T n :=
  let v := up (stack_end T n) (4 * MiB) in
  if v - stack_end T n <? 512 * KiB then v + 4 * MiB else v.

Definition total low high := fold_right (fun s sum => spanned low high s + sum) 0.
Definition tables m S end_ := fixed m + total S end_ (reaches m).

Lemma V_closed T n : V T n = up (stack_end T n + 512 * KiB) (4 * MiB).
Proof.
  unfold V, up, MiB, KiB; cbv zeta.
  destruct (Z.ltb_spec ((stack_end T n + (4 * (1024 * 1024) - 1)) / (4 * (1024 * 1024)) * (4 * (1024 * 1024))
    - stack_end T n) (512 * 1024)); Z.to_euclidean_division_equations; lia.
Qed.

Lemma V_bounds T n : stack_end T n + 512 * KiB <= V T n < stack_end T n + 512 * KiB + 4 * MiB.
Proof. rewrite V_closed. unfold up, MiB, KiB. Z.to_euclidean_division_equations; lia. Qed.

Lemma V_grows T n m : n <= m -> V T n <= V T m.
Proof. intros. rewrite !V_closed. unfold up, stack_end, MiB, KiB. Z.to_euclidean_division_equations; lia. Qed.

Lemma spanned_grows S v w s : 0 < s -> v <= w -> spanned S v s <= spanned S w s.
Proof.
  intros. unfold spanned.
  assert ((v + (s - 1)) / s <= (w + (s - 1)) / s) by (apply Z.div_le_mono; lia). lia.
Qed.

Lemma spanned_positive S v s : 0 < s -> S < v -> 1 <= spanned S v s.
Proof.
  intros. unfold spanned.
  assert ((S + 1 * s) / s <= (v + (s - 1)) / s) by (apply Z.div_le_mono; lia).
  rewrite Z.div_add in H1 by lia. lia.
Qed.

Lemma spanned_most S v s : 0 < s -> spanned S v s * s <= v - S + 2 * s.
Proof. intros. unfold spanned. Z.to_euclidean_division_equations; nia. Qed.

Section Search.
Variables (m : mode) (S T : Z).
Hypothesis usual_m : usual m.
Hypothesis above : S <= T.

Definition f n := tables m S (V T n).

Lemma f_grows n k : n <= k -> f n <= f k.
Proof.
  intros. unfold f, tables. destruct usual_m as (_ & _ & _ & large).
  pose proof (V_grows T n k H) as grows.
  induction (reaches m) as [| s others IH]; simpl; [lia |].
  inversion large; subst. specialize (IH H3).
  assert (spanned S (V T n) s <= spanned S (V T k) s)
    by (apply spanned_grows; unfold MiB, KiB in *; lia). lia.
Qed.

(* The tables that are always taken, and one of each other level. *)
Lemma f_at_least n : 0 <= n -> fixed m + Z.of_nat (length (reaches m)) <= f n.
Proof.
  intros. unfold f, tables. destruct usual_m as (_ & _ & _ & large).
  assert (S < V T n) by (pose proof (V_bounds T n); unfold stack_end, MiB, KiB in *; lia).
  assert (Z.of_nat (length (reaches m)) <= total S (V T n) (reaches m)); [| lia].
  induction (reaches m) as [| s others IH]; simpl total; [simpl; lia |].
  inversion large; subst. specialize (IH H4).
  assert (1 <= spanned S (V T n) s) by (apply spanned_positive; unfold MiB, KiB in *; lia).
  simpl length. lia.
Qed.

Lemma f_least n : 0 <= n -> 2 <= f n.
Proof. intros. pose proof (f_at_least n H). destruct usual_m as (_ & some & _). lia. Qed.

(* The search: it stops at the first n, from where it starts on, that is enough. *)
Inductive search : Z -> Z -> Prop :=
| stop n : f n <= n -> search n n
| next n r : n < f n -> search (n + 1) r -> search n r.

Lemma search_goes_up n r : search n r -> n <= r.
Proof. induction 1; lia. Qed.

Lemma search_exact n r : search n r -> n <= f n -> f r = r.
Proof. induction 1; intros; [lia |]. apply IHsearch. pose proof (f_grows n (n + 1)). lia. Qed.

(* The claim `exact`: the result is just what the region takes, neither more nor less. *)
Theorem exact r : search 2 r -> f r = r.
Proof. intros. apply (search_exact 2); auto. pose proof (f_least 2). lia. Qed.

Lemma search_least n r k : search n r -> n <= k -> f k <= k -> r <= k.
Proof. induction 1; intros; auto. apply IHsearch; auto. assert (n <> k) by (intro; subst; lia). lia. Qed.

(* The claim `least`: no smaller count is enough, whatever it is. *)
Theorem least r k : search 2 r -> 0 <= k -> f k <= k -> r <= k.
Proof.
  intros found some enough. apply (search_least 2 r k found); auto.
  pose proof (f_least k some). lia.
Qed.

Lemma enough_somewhere : exists k, 2 <= k /\ f k <= k.
Proof.
  exists (32 + (T - S)). split; [lia |].
  unfold f, tables. destruct usual_m as (few & _ & short & large).
  set (k := 32 + (T - S)). pose proof (V_bounds T k) as ends. unfold stack_end in ends.
  assert (each : forall s, 2 * MiB <= s -> 256 * spanned S (V T k) s <= T - S + 1600).
  { intros s big. pose proof (spanned_most S (V T k) s).
    set (q := spanned S (V T k) s) in *. unfold MiB, KiB in *. subst k.
    destruct (Z_le_gt_dec q 2) as [few' | many]; [lia |].
    assert ((q - 2) * 2097152 <= (q - 2) * s) by nia. lia. }
  assert (256 * total S (V T k) (reaches m) <= Z.of_nat (length (reaches m)) * (T - S + 1600)).
  { clear short. induction (reaches m) as [| s others IH]; [simpl; lia |].
    inversion large; subst. specialize (IH H2). specialize (each s H1).
    change (total S (V T k) (s :: others)) with (spanned S (V T k) s + total S (V T k) others).
    simpl length. lia. }
  subst k. nia.
Qed.

Lemma search_stops_by k : forall n, n <= k -> f k <= k -> exists r, search n r.
Proof.
  intros n below enough. remember (Z.to_nat (k - n)) as steps. revert n below Heqsteps.
  induction steps as [| steps IH]; intros.
  - assert (n = k) by lia. subst. exists k. constructor; lia.
  - destruct (Z_le_gt_dec (f n) n) as [stops | goes].
    + exists n. constructor; lia.
    + destruct (IH (n + 1)) as [r found]; [lia | lia |]. exists r. apply next; [lia | exact found].
Qed.

(* The claim `terminates`: over the integers, the search stops for every region. *)
Theorem terminates : exists r, search 2 r.
Proof. destruct enough_somewhere as (k & some & enough). apply (search_stops_by k); lia. Qed.

(* The static calculation: the rule applied again and again, from a tables set aside. *)
Fixpoint raised a k := match k with O => f a | Datatypes.S before => f (raised a before) end.

(* The claim `static-lower`, for any number of raises: none goes too far; where one stops, that is the result. *)
Theorem raises_stay_below r a k : search 2 r -> a <= r -> raised a k <= r.
Proof.
  intros found low. pose proof (exact r found) as fixed_point.
  induction k as [| k IH]; simpl; rewrite <- fixed_point; apply f_grows; lia.
Qed.

Lemma raised_least a k : 0 <= a -> fixed m + Z.of_nat (length (reaches m)) <= raised a k.
Proof.
  intros. destruct usual_m as (few & _). induction k as [| k IH]; simpl; apply f_at_least; lia.
Qed.

Theorem raises_end_at_it r a k : search 2 r -> 0 <= a <= r -> f (raised a k) <= raised a k -> raised a k = r.
Proof.
  intros found low enough. pose proof (raises_stay_below r a k found).
  pose proof (raised_least a k). destruct usual_m as (few & _).
  pose proof (least r (raised a k) found). lia.
Qed.

End Search.

(* What all of these rest on is asked once. *)
Definition theorems := (exact, least, terminates, raises_stay_below, raises_end_at_it).
Print Assumptions theorems.
