(* The smallest counts that there are, and that a count may be right for its region without being the search's. *)

Require Import ZArith Lia List.
Require Import PtProof.count PtProof.words.
Open Scope Z_scope.

Section Smallest.
Variables S T : Z.
Hypothesis T_word : 0 <= T < M.

(* The claims `two-too-small` and `min-64`: no region takes fewer than 4 tables, and a 32-bit guest's none than 6. *)
Theorem at_least_4 n : 0 <= n -> room S T n -> 4 <= word_f x86_64 S T n.
Proof.
  intros. rewrite (word_f_is_f_64 S T T_word) by assumption.
  apply (f_at_least x86_64 S (unwrapped S T) usual_x86_64 (unwrapped_above S T) n); assumption.
Qed.

Theorem at_least_6_compat n : 0 <= n -> room S T n -> 6 <= word_f compat S T n.
Proof.
  intros. rewrite (word_f_is_f_compat S T T_word) by assumption.
  apply (f_at_least compat S (unwrapped S T) usual_compat (unwrapped_above S T) n); assumption.
Qed.

Theorem min_64 r : word_search S T x86_64 2 r -> room S T r -> 4 <= r.
Proof.
  intros found has_room. pose proof (result_is_above S T _ _ _ found ltac:(lia)).
  rewrite <- (word_exact_64 S T T_word r found has_room). apply at_least_4; [lia | assumption].
Qed.

Theorem min_compat r : word_search S T compat 2 r -> room S T r -> 6 <= r.
Proof.
  intros found has_room. pose proof (result_is_above S T _ _ _ found ltac:(lia)).
  rewrite <- (word_exact_compat S T T_word r found has_room). apply at_least_6_compat; [lia | assumption].
Qed.

End Smallest.

Ltac found := repeat (first [apply word_stop; vm_compute; discriminate | apply word_next; [vm_compute; reflexivity |]]).

Theorem min_64_is_reached : word_search 0x200000 0x202000 x86_64 2 4.
Proof. found. Qed.

Theorem min_compat_is_reached : word_search 0x200000 0x202000 compat 2 6.
Proof. found. Qed.

(* What refutes `unique`: two counts that are both right for the region that they make. *)
Theorem not_unique_64 : word_search 0 0x379000 x86_64 2 5 /\ word_f x86_64 0 0x379000 7 = 7.
Proof. split; [found | reflexivity]. Qed.

Theorem not_unique_compat : word_search 0 0x377000 compat 2 7 /\ word_f compat 0 0x377000 9 = 9.
Proof. split; [found | reflexivity]. Qed.

(* What all of these rest on is asked once. *)
Definition theorems := (at_least_4, at_least_6_compat, min_64, min_compat, min_64_is_reached,
  min_compat_is_reached, not_unique_64, not_unique_compat).
Print Assumptions theorems.
