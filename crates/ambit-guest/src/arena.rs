//! The heap as one growing arena: a block is cut off the top, and the whole arena is empty again
//! when its last block comes back.
//!
//! A decision allocates little and forgets everything, so this is both the smallest and the
//! fastest allocator for it. Addresses are plain numbers here; only `abi` turns them into
//! pointers.

/// Gets more memory: takes the first address that is needed, gives the first that is not there.
pub(crate) trait Grow {
    /// The new end of memory, at least `needed`; `None` when the host refuses.
    fn grow(&mut self, needed: usize) -> Option<usize>;
}

/// Which addresses are in use.
#[derive(Debug)]
pub(crate) struct Arena {
    /// Nothing below is ever given out again.
    base: usize,
    /// The first free address.
    top: usize,
    /// The first address that memory does not have.
    end: usize,
    /// Blocks given out above `base`, and not returned.
    live: usize,
}

impl Arena {
    /// An arena without memory: every request for a block grows it, from address 0 on. Call
    /// [`Arena::start`] first.
    pub(crate) const fn new() -> Self {
        Self {
            base: 0,
            top: 0,
            end: 0,
            live: 0,
        }
    }

    /// Gives the arena the addresses `from..end` and whatever memory grows behind them.
    pub(crate) const fn start(&mut self, from: usize, end: usize) {
        self.base = from;
        self.top = from;
        self.end = end;
        self.live = 0;
    }

    /// A block of `size` bytes at a multiple of `align` (a power of two).
    pub(crate) fn take(
        &mut self,
        size: usize,
        align: usize,
        memory: &mut dyn Grow,
    ) -> Option<usize> {
        let at = self.top.checked_next_multiple_of(align)?;
        let top = at.checked_add(size)?;
        let live = self.live.checked_add(1)?;
        self.reach(top, memory)?;
        self.top = top;
        self.live = live;
        Some(at)
    }

    /// Returns a block. The last one cut is free at once, any other when the arena is empty. One that is
    /// kept for ever stays, and was not counted.
    pub(crate) fn give(&mut self, at: usize, size: usize) {
        if at < self.base {
            return;
        }
        self.live = self.live.saturating_sub(1);
        if self.live == 0 {
            self.top = self.base;
        } else if self.is_last(at, size) {
            self.top = at;
        }
    }

    /// Changes a block's size where it stands. `false` when it must move.
    pub(crate) fn resize(
        &mut self,
        at: usize,
        old: usize,
        new: usize,
        memory: &mut dyn Grow,
    ) -> bool {
        if at < self.base || !self.is_last(at, old) {
            return new <= old;
        }
        let Some(top) = at.checked_add(new) else {
            return false;
        };
        if self.reach(top, memory).is_none() {
            return false;
        }
        self.top = top;
        true
    }

    /// Keeps what is in use now for ever: the arena is emptied down to here from now on.
    pub(crate) const fn keep(&mut self) {
        self.base = self.top;
        self.live = 0;
    }

    /// Frees everything above `end`, if no more than `held` blocks are left and all of them lie
    /// below `end`: what a call left behind while its request is still held.
    pub(crate) fn settle(&mut self, held: usize, end: usize) {
        if self.live == held && (self.base..=self.top).contains(&end) {
            self.top = end;
        }
    }

    fn is_last(&self, at: usize, size: usize) -> bool {
        at.checked_add(size) == Some(self.top)
    }

    fn reach(&mut self, top: usize, memory: &mut dyn Grow) -> Option<()> {
        if top > self.end {
            self.end = memory.grow(top).filter(|end| *end >= top)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Memory {
        limit: usize,
        grown: usize,
    }

    impl Grow for Memory {
        fn grow(&mut self, needed: usize) -> Option<usize> {
            self.grown = self.grown.saturating_add(1);
            (needed <= self.limit).then(|| needed.next_multiple_of(100).min(self.limit))
        }
    }

    fn arena() -> (Arena, Memory) {
        let mut arena = Arena::new();
        arena.start(1000, 1100);
        (
            arena,
            Memory {
                limit: 2000,
                grown: 0,
            },
        )
    }

    #[test]
    fn blocks_are_aligned_and_do_not_overlap() {
        let (mut arena, mut memory) = arena();
        assert_eq!(arena.take(3, 1, &mut memory), Some(1000));
        assert_eq!(arena.take(8, 8, &mut memory), Some(1008));
        assert_eq!(arena.take(1, 16, &mut memory), Some(1024));
        assert_eq!(memory.grown, 0);
    }

    #[test]
    fn the_last_block_is_free_at_once_and_all_when_empty() {
        let (mut arena, mut memory) = arena();
        let first = arena.take(10, 1, &mut memory).unwrap();
        let second = arena.take(10, 1, &mut memory).unwrap();
        arena.give(second, 10);
        assert_eq!(arena.take(10, 1, &mut memory), Some(second));
        let third = arena.take(10, 1, &mut memory).unwrap();
        arena.give(first, 10);
        arena.give(second, 10);
        assert_eq!(arena.take(1, 1, &mut memory), Some(third + 10));
        arena.give(third, 10);
        arena.give(third + 10, 1);
        assert_eq!(arena.take(1, 1, &mut memory), Some(1000));
    }

    #[test]
    fn growth_is_bounded_by_the_host() {
        let (mut arena, mut memory) = arena();
        assert_eq!(arena.take(500, 1, &mut memory), Some(1000));
        assert_eq!(memory.grown, 1);
        assert_eq!(arena.take(501, 1, &mut memory), None);
        assert_eq!(arena.take(usize::MAX, 1, &mut memory), None);
        assert_eq!(arena.take(1, 1 << (usize::BITS - 1), &mut memory), None);
        // A refused block leaves no trace.
        assert_eq!(arena.take(500, 1, &mut memory), Some(1500));
    }

    #[test]
    fn only_the_last_block_grows_where_it_stands() {
        let (mut arena, mut memory) = arena();
        let first = arena.take(10, 1, &mut memory).unwrap();
        assert!(arena.resize(first, 10, 50, &mut memory));
        let second = arena.take(10, 1, &mut memory).unwrap();
        assert!(!arena.resize(first, 50, 51, &mut memory));
        assert!(arena.resize(first, 50, 5, &mut memory));
        assert!(arena.resize(second, 10, 5, &mut memory));
        assert!(!arena.resize(second, 5, usize::MAX, &mut memory));
        assert_eq!(arena.take(1, 1, &mut memory), Some(second + 5));
    }

    #[test]
    fn what_is_kept_is_never_given_out_again() {
        let (mut arena, mut memory) = arena();
        let kept = arena.take(10, 1, &mut memory).unwrap();
        arena.keep();
        let block = arena.take(10, 1, &mut memory).unwrap();
        assert_eq!(block, kept + 10);
        arena.give(block, 10);
        assert_eq!(arena.take(10, 1, &mut memory), Some(block));
    }

    /// A call that keeps what it made gives some of it back afterwards, while its answer is held.
    #[test]
    fn what_is_kept_and_given_back_frees_nothing_that_is_held() {
        let (mut arena, mut memory) = arena();
        let kept = arena.take(10, 1, &mut memory).unwrap();
        arena.keep();
        assert!(!arena.resize(kept, 10, 11, &mut memory));
        let answer = arena.take(10, 1, &mut memory).unwrap();
        arena.give(kept, 10);
        assert_eq!(arena.take(10, 1, &mut memory), Some(answer + 10));
    }

    #[test]
    fn settling_frees_down_to_what_the_host_holds() {
        let (mut arena, mut memory) = arena();
        let request = arena.take(10, 1, &mut memory).unwrap();
        let hole = arena.take(10, 1, &mut memory).unwrap();
        let answer = arena.take(10, 1, &mut memory).unwrap();
        arena.settle(1, request + 10);
        arena.give(hole, 10);
        arena.give(answer, 10);
        arena.settle(1, request + 10);
        assert_eq!(arena.take(10, 1, &mut memory), Some(hole));
        arena.settle(1, 5);
        arena.settle(2, 999_999);
        assert_eq!(arena.take(10, 1, &mut memory), Some(hole + 10));
    }
}
