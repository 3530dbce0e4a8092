//! One sort for all kinds of lists, and what keeps some of a list. `slice::sort_unstable` is there once for each, five
//! kilobytes in wasm.

use alloc::vec::Vec;
use core::mem;

/// Sorts in at most `n log n` comparisons; equal items stay in their order. A list that is in order is looked at once.
pub fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, |one, other| one < other);
}

/// The same by an order of its own.
pub fn sort_by<T>(items: &mut [T], is_less: impl Fn(&T, &T) -> bool) {
    // Most lists are in order, short ones of records above all, and here looking costs no calls.
    if items.is_sorted_by(|one, other| !is_less(other, one)) {
        return;
    }
    let mut order: Vec<usize> = (0..items.len()).collect();
    merge_sort(&mut order, &|one, other| {
        let pair = items.get(one).zip(items.get(other));
        pair.is_some_and(|(one, other)| is_less(one, other))
    });
    arrange(&mut order, &mut |one, other| {
        if one.max(other) < items.len() {
            items.swap(one, other);
        }
    });
}

/// Keeps the items that are wanted, in their order. `Vec::retain` is there once for each closure.
pub fn keep<T>(items: &mut Vec<T>, wanted: &mut dyn FnMut(&T) -> bool) {
    let mut kept = 0_usize;
    for at in 0..items.len() {
        if items.get(at).is_some_and(&mut *wanted) {
            items.swap(kept, at);
            kept = kept.saturating_add(1);
        }
    }
    items.truncate(kept);
}

/// Sorts places by what stands there: pairs are merged, then pairs of pairs, and so on.
fn merge_sort(order: &mut Vec<usize>, is_less: &dyn Fn(usize, usize) -> bool) {
    let mut merged = Vec::with_capacity(order.len());
    let mut width = 1_usize;
    while width < order.len() {
        let both = width.saturating_mul(2);
        for pair in order.chunks(both) {
            let (left, right) = pair.split_at_checked(width).unwrap_or((pair, &[]));
            merge(left, right, &mut merged, is_less);
        }
        mem::swap(order, &mut merged);
        merged.clear();
        width = both;
    }
}

fn merge(
    mut left: &[usize],
    mut right: &[usize],
    merged: &mut Vec<usize>,
    is_less: &dyn Fn(usize, usize) -> bool,
) {
    while let ([one, ones @ ..], [other, others @ ..]) = (left, right) {
        if is_less(*other, *one) {
            merged.push(*other);
            right = others;
        } else {
            merged.push(*one);
            left = ones;
        }
    }
    merged.extend_from_slice(left);
    merged.extend_from_slice(right);
}

/// Brings to each place what stood where `order` says, following each ring of places once.
fn arrange(order: &mut [usize], swap: &mut dyn FnMut(usize, usize)) {
    for start in 0..order.len() {
        let mut at = start;
        while let Some(from) = order.get_mut(at).map(|from| mem::replace(from, at))
            && from != start
        {
            swap(at, from);
            at = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{keep, sort};
    use alloc::vec::Vec;

    #[test]
    fn what_is_wanted_is_kept_in_its_order() {
        // Every choice among eight items.
        for choice in 0..=255_u32 {
            let is_wanted = |item: &u32| choice >> *item & 1 == 1;
            let mut items: Vec<u32> = (0..8).collect();
            let mut expected = items.clone();
            expected.retain(is_wanted);
            let mut asked = Vec::new();
            keep(&mut items, &mut |item| {
                asked.push(*item);
                is_wanted(item)
            });
            assert_eq!(items, expected);
            assert!(
                asked.into_iter().eq(0..8),
                "each is asked about once, in turn"
            );
        }
    }

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
