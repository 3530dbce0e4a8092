//! One sort for all kinds of lists. `slice::sort_unstable` is there once for each, five kilobytes in wasm.

/// A list as the sort sees it.
trait List {
    fn is_less(&self, one: usize, other: usize) -> bool;
    fn swap(&mut self, one: usize, other: usize);
}

struct Items<'i, T, F> {
    items: &'i mut [T],
    is_less: F,
}

impl<T, F: Fn(&T, &T) -> bool> List for Items<'_, T, F> {
    fn is_less(&self, one: usize, other: usize) -> bool {
        let pair = self.items.get(one).zip(self.items.get(other));
        pair.is_some_and(|(one, other)| (self.is_less)(one, other))
    }

    fn swap(&mut self, one: usize, other: usize) {
        if one.max(other) < self.items.len() {
            self.items.swap(one, other);
        }
    }
}

/// Sorts in about `n log n` comparisons, never twice as many, without a copy; equal items may change places. A list that is
/// in order is looked at once.
pub fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, |one, other| one < other);
}

/// The same by an order of its own.
pub fn sort_by<T>(items: &mut [T], is_less: impl Fn(&T, &T) -> bool) {
    // Most lists are in order, short ones of records above all, and here looking costs no calls.
    if items.is_sorted_by(|one, other| !is_less(other, one)) {
        return;
    }
    let length = items.len();
    heap_sort(length, &mut Items { items, is_less });
}

fn heap_sort(length: usize, list: &mut dyn List) {
    for root in (0..length / 2).rev() {
        sift(root, length, list);
    }
    for end in (1..length).rev() {
        list.swap(0, end);
        sift(0, end, list);
    }
}

/// Moves the item at `root` down to where none below it is larger. Most belong far down, so the way of the larger
/// items is gone to its end first, with one comparison a level, and then a little back up.
fn sift(root: usize, end: usize, list: &mut dyn List) {
    let above = |at: usize| at.saturating_sub(1) / 2;
    let mut at = root;
    loop {
        let left = at.saturating_mul(2).saturating_add(1);
        let right = left.saturating_add(1);
        if left >= end {
            break;
        }
        at = if right < end && list.is_less(left, right) {
            right
        } else {
            left
        };
    }
    while at != root && list.is_less(at, root) {
        at = above(at);
    }
    // Each item of the way moves up by one, the lowest last.
    while at != root {
        list.swap(root, at);
        at = above(at);
    }
}

#[cfg(test)]
mod tests {
    use super::sort;
    use alloc::vec::Vec;

    #[test]
    fn every_short_list_is_sorted() {
        // Every list of up to six items out of six, repeats among them.
        for length in 0..=6 {
            for number in 0..6_usize.pow(length) {
                let digits = (0..length).map(|place| number / 6_usize.pow(place) % 6);
                let mut items: Vec<usize> = digits.collect();
                let mut expected = items.clone();
                expected.sort_unstable();
                sort(&mut items);
                assert_eq!(items, expected);
            }
        }
    }

    #[test]
    fn a_long_list_is_sorted() {
        let mut items: Vec<u32> = (0..5000)
            .map(|at: u32| at.wrapping_mul(2_654_435_769))
            .collect();
        sort(&mut items);
        assert!(items.is_sorted());
    }
}
