//! Order. One sort for all kinds of items: each further one of `slice` is kilobytes in wasm.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;

/// The items by their key, equal ones as they came.
pub(crate) fn by_key<T>(items: Vec<T>, key: impl Fn(&T) -> u64) -> Vec<T> {
    let keys = items.iter().enumerate();
    let keys = keys.map(|(at, item)| (key(item), at)).collect();
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    let places = ordered(keys).into_iter();
    places
        .filter_map(|(_, at)| items.get_mut(at)?.take())
        .collect()
}

#[inline(never)]
fn ordered(keys: Vec<(u64, usize)>) -> Vec<(u64, usize)> {
    BinaryHeap::from(keys).into_sorted_vec()
}

/// [`by_key`] takes what counts something.
pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The next choice of one out of each of so many; `false` behind the last.
pub(crate) fn advance(choice: &mut [usize], counts: impl Iterator<Item = usize>) -> bool {
    for (at, count) in choice.iter_mut().zip(counts) {
        *at = at.saturating_add(1);
        if *at < count {
            return true;
        }
        *at = 0;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{advance, by_key};

    #[test]
    fn every_choice_comes_once() {
        let mut choice = [0, 0];
        let mut seen = alloc::vec![choice];
        while advance(&mut choice, [2, 3].into_iter()) {
            seen.push(choice);
        }
        assert_eq!(seen, [[0, 0], [1, 0], [0, 1], [1, 1], [0, 2], [1, 2]]);
    }

    #[test]
    fn equal_items_keep_their_order() {
        let items = alloc::vec![(2, 'a'), (1, 'b'), (2, 'c'), (0, 'd'), (1, 'e')];
        let sorted = by_key(items, |(key, _)| *key);
        let letters: alloc::string::String = sorted.iter().map(|(_, letter)| *letter).collect();
        assert_eq!(letters, "dbeac");
    }
}
