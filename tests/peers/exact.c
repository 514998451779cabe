/* The claim "exact" for CBMC: the search stops at an n with f(S, V(n)) = n, in a 64-bit guest.
 *
 * With REGION, in MiB, the loop is unrolled for tables that start no further above S. With CONTRACT it is proved by
 * an invariant written by hand, for tables up to 2^46 above S: all that it says besides bounds is that
 * the count before this one was too small.
 */
#include <stdint.h>

#define UP(address, shift) ((((address) + (1ul << (shift)) - 1) >> (shift)))
#define TOUCHED(low, high, shift) (UP(high, shift) - ((low) >> (shift)))
#define STACK(n) (tables + ((n) + 1) * 4096)
#define ROUNDED(n) (UP(STACK(n), 22) << 22)
#define END(n) (ROUNDED(n) - STACK(n) < (512 << 10) ? ROUNDED(n) + (4 << 20) : ROUNDED(n))
#define NEEDED(n) (1 + TOUCHED(start, END(n), 39) + TOUCHED(start, END(n), 30) + TOUCHED(start, END(n), 21))

int main(void)
{
    uint64_t start, tables, n = 2; /* the first two may have any value */

    __CPROVER_assume(start <= 1ul << 46 && start <= tables);
#ifdef CONTRACT
    __CPROVER_assume(tables <= 1ul << 46);
#else
    __CPROVER_assume(tables - start <= (uint64_t)REGION << 20);
#endif
    while (NEEDED(n) > n)
#ifdef CONTRACT
        __CPROVER_assigns(n)
        __CPROVER_loop_invariant(n >= 2 && n <= 1ul << 30 && (n == 2 || NEEDED(n - 1) > n - 1))
        __CPROVER_decreases((1ul << 30) - n)
#endif
        n++;
    __CPROVER_assert(NEEDED(n) == n, "exact");
    return 0;
}
