//! The exports, the allocator and the panic handler.
//!
//! A WebAssembly instance runs one call at a time, and this target has no threads, so the statics
//! below are reached by one caller only. The exports do not call each other, and nothing that runs
//! while one of the statics is borrowed asks for the same one again: each `with` says why.
extern crate alloc;

#[cfg(feature = "host-core")]
mod host_core;

use alloc::string::String;
use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::UnsafeCell;
use core::ops::Range;
use core::{ptr, slice};

use ambit_advice::{advise, describe};
use ambit_core::Reason;
use ambit_core::http::{self, Scheme};
use ambit_evaluator::{
    ABI, ChainCache, call_digest, evaluate, info, refuse, refuse_by, signing_input,
};
use ambit_policy::Bundle;

use crate::arena::{Arena, Grow};
use crate::buffers::{Buffer, Buffers};
use crate::slot::Slot;

#[cfg(target_feature = "atomics")]
compile_error!("the guest's statics have no locks: build it without threads");

/// A page of WebAssembly memory.
const PAGE: usize = 65_536;
/// Pages asked for at a time: growing costs a system call in most hosts.
const STRIDE: usize = 4;
/// Alignment of the host's buffers: enough for any plain data.
const ALIGN: usize = 8;

/// The version of this ABI; a host refuses any that it does not know.
#[unsafe(no_mangle)]
extern "C" fn ambit_abi() -> i32 {
    ABI
}

/// A buffer of `len` bytes for the host to write to, or 0.
#[unsafe(no_mangle)]
extern "C" fn ambit_alloc(len: usize) -> usize {
    GUEST.with(|guest| {
        guest.prepare();
        let size = len.max(1);
        if !guest.buffers.has_room() {
            return 0;
        }
        let at = ARENA.with(|arena| arena.take(size, ALIGN, &mut Memory));
        at.filter(|at| guest.buffers.add(Buffer { at: *at, len, size }))
            .unwrap_or(0)
    })
}

/// Returns a buffer or an answer. Anything else is ignored.
#[unsafe(no_mangle)]
extern "C" fn ambit_free(at: usize, len: usize) {
    GUEST.with(|guest| {
        if let Some(buffer) = guest.buffers.remove(at, len) {
            let (held, end) = guest.buffers.extent();
            ARENA.with(|arena| {
                arena.give(buffer.at, buffer.size);
                if let Some(end) = end {
                    arena.settle(held, end);
                }
            });
        }
    });
}

/// Answers one request.
#[unsafe(no_mangle)]
extern "C" fn ambit_evaluate(at: usize, len: usize) -> u64 {
    GUEST.with(|guest| {
        guest.answer(at, len, |bundle, cache, request| {
            evaluate(bundle, request, cache)
        })
    })
}

/// Says what would help after a denial.
#[unsafe(no_mangle)]
extern "C" fn ambit_advise(at: usize, len: usize) -> u64 {
    GUEST.with(|guest| {
        guest.answer(at, len, |bundle, cache, request| {
            advise(bundle, request, cache)
        })
    })
}

/// Puts capabilities into words.
#[unsafe(no_mangle)]
extern "C" fn ambit_describe(at: usize, len: usize) -> u64 {
    GUEST.with(|guest| guest.answer(at, len, |bundle, _, request| describe(bundle, request)))
}

/// The digest of a call, and what a person is shown of it.
#[unsafe(no_mangle)]
extern "C" fn ambit_digest(at: usize, len: usize) -> u64 {
    GUEST.with(|guest| {
        guest.answer(at, len, |bundle, cache, request| {
            call_digest(bundle, request, cache)
        })
    })
}

/// What is to be signed.
#[unsafe(no_mangle)]
extern "C" fn ambit_signing_input(at: usize, len: usize) -> u64 {
    GUEST.with(|guest| guest.answer(at, len, |bundle, _, request| signing_input(bundle, request)))
}

/// A denial of the host's own, in the form of every other answer.
#[unsafe(no_mangle)]
extern "C" fn ambit_refuse(at: usize, len: usize) -> u64 {
    GUEST.with(|guest| guest.say(at, len, refuse_by))
}

/// What HTTP says for a denial.
#[unsafe(no_mangle)]
extern "C" fn ambit_http(at: usize, len: usize) -> u64 {
    GUEST.with(|guest| guest.tell(at, len, http::response_to))
}

/// Says which policy this is, after verifying its bundle in full.
#[unsafe(no_mangle)]
extern "C" fn ambit_info() -> u64 {
    GUEST.with(|guest| guest.answer(0, 0, |bundle, _, _| checked_info(bundle)))
}

/// What lives between calls.
struct Guest {
    policy: Policy,
    buffers: Buffers,
}

/// The bundle in this module.
enum Policy {
    Unread,
    Unusable,
    Open(Bundle<'static>),
}

impl Guest {
    /// Opens the bundle, the first time: before any allocation of a call, so that the arena can
    /// begin behind it.
    ///
    /// Opened, not verified, because hashing a large bundle again for a single decision would cost
    /// more than the decision. Reading an unsound bundle gives denials, never a fault, and
    /// `ambit_info` verifies it in full: a host asks that once a module.
    fn prepare(&mut self) {
        if !matches!(self.policy, Policy::Unread) {
            return;
        }
        let slot = read_slot();
        let end = memory_end();
        let place = slot.range(heap_base(), end);
        let from = place.as_ref().map_or_else(heap_base, |place| place.end);
        ARENA.with(|arena| arena.start(from, end));
        self.policy = place
            .and_then(|place| Bundle::open(bundle_bytes(place), slot.digest).ok())
            .map_or(Policy::Unusable, Policy::Open);
        CACHE.with(ChainCache::reserve);
        ARENA.with(Arena::keep);
    }

    /// Runs one of the evaluator's functions on what the host wrote and hands over its answer.
    fn answer(
        &mut self,
        at: usize,
        len: usize,
        run: impl FnOnce(&Bundle<'static>, &mut ChainCache, &[u8]) -> String,
    ) -> u64 {
        self.prepare();
        let answer = match &self.policy {
            Policy::Open(bundle) if self.buffers.hold(at, len) => {
                CACHE.with(|cache| run(bundle, cache, host_bytes(at, len)))
            }
            Policy::Open(_) => no_buffer(),
            Policy::Unread | Policy::Unusable => no_bundle(),
        };
        self.hand_over(answer.into_bytes())
    }

    /// The same for a function that needs no bundle.
    fn say(&mut self, at: usize, len: usize, run: fn(&[u8]) -> String) -> u64 {
        self.tell(at, len, |request, _| run(request))
    }

    /// The same for one that is told how clients show their tokens, where there is a bundle that says so.
    fn tell(&mut self, at: usize, len: usize, run: impl FnOnce(&[u8], Scheme) -> String) -> u64 {
        self.prepare();
        let scheme = match &self.policy {
            Policy::Open(bundle) => Scheme::of(bundle.possession()),
            Policy::Unread | Policy::Unusable => Scheme::Dpop,
        };
        let answer = if self.buffers.hold(at, len) {
            run(host_bytes(at, len), scheme)
        } else {
            no_buffer()
        };
        self.hand_over(answer.into_bytes())
    }

    /// Notes the answer as the host's and packs its place; 0 when the host holds too much already.
    fn hand_over(&mut self, answer: Vec<u8>) -> u64 {
        let (len, size) = (answer.len(), answer.capacity());
        if len == 0 || !self.buffers.has_room() {
            return 0;
        }
        // The block now belongs to the list, which gives it back to the arena in `ambit_free`.
        let at = answer.leak().as_ptr().addr();
        self.buffers.add(Buffer { at, len, size });
        pack(at, len)
    }
}

/// What `ambit_info` says: about a bundle that is sound to the last byte and is the one of the
/// slot, or that there is none.
fn checked_info(bundle: &Bundle<'static>) -> String {
    match Bundle::verify(bundle.bytes()) {
        Ok(verified) if verified.digest() == bundle.digest() => info(&verified),
        _ => no_bundle(),
    }
}

fn no_buffer() -> String {
    refuse(
        Reason::RequestSyntax,
        "the request does not lie in a buffer of `ambit_alloc`",
    )
}

fn no_bundle() -> String {
    refuse(
        Reason::PolicyMalformed,
        "this module holds no usable bundle",
    )
}

/// The address in the upper half, the length in the lower.
fn pack(at: usize, len: usize) -> u64 {
    match (u64::try_from(at), u64::try_from(len)) {
        (Ok(at), Ok(len)) => at.wrapping_shl(32) | len,
        _ => 0,
    }
}

fn memory_end() -> usize {
    wasm32::memory_size::<0>().saturating_mul(PAGE)
}

/// The instance's memory as the arena sees it.
struct Memory;

impl Grow for Memory {
    fn grow(&mut self, needed: usize) -> Option<usize> {
        let pages = needed.checked_sub(memory_end())?.div_ceil(PAGE);
        let refused = |pages| wasm32::memory_grow::<0>(pages) == usize::MAX;
        // At the host's limit the exact number of pages may still fit.
        if refused(pages.checked_next_multiple_of(STRIDE)?) && refused(pages) {
            return None;
        }
        Some(memory_end())
    }
}

unsafe extern "C" {
    /// Set by the linker: the first address behind stack and data.
    static __heap_base: u8;
}

fn heap_base() -> usize {
    (&raw const __heap_base).addr()
}

/// Stands in the template's data, where the compiler patches it.
#[used]
static SLOT: Slot = Slot::EMPTY;

/// What the slot holds in this module, which is not what the optimiser saw.
fn read_slot() -> Slot {
    // SAFETY: a reference to a static is valid, aligned and initialised. Volatile, because the
    // compiler of a policy module changes these bytes after this code was optimised.
    unsafe { ptr::read_volatile(&raw const SLOT) }
}

/// The bundle's bytes, for as long as the instance lives.
fn bundle_bytes(place: Range<usize>) -> &'static [u8] {
    // SAFETY: `Slot::range` placed it behind the stack and all data of this crate and within
    // memory, which never shrinks; the arena starts behind it (`prepare`), so nothing writes there
    // as long as the instance lives; every byte of wasm memory is initialised; `u8` has no
    // alignment; the length is at most `BUNDLE_BYTES`. The caller is `prepare`, which runs once.
    unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(place.start), place.len()) }
}

/// What the host wrote.
fn host_bytes<'a>(at: usize, len: usize) -> &'a [u8] {
    if len == 0 {
        return &[];
    }
    // SAFETY: `answer` or `say` checked that these bytes lie within one buffer on the list, so `at` is not
    // null and they are within memory. A buffer on the list is not given back to the arena before
    // `ambit_free`, which cannot run during this call, and Rust code holds no other reference to
    // it. The slice does not outlive the call: `run` cannot keep it, being generic over its life.
    unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(at), len) }
}

/// A static of an instance, which runs one call at a time.
struct Single<T>(UnsafeCell<T>);

// SAFETY: without the `atomics` feature (refused above) wasm memory is not shared, so no second
// thread exists that could reach a static.
unsafe impl<T> Sync for Single<T> {}

impl<T> Single<T> {
    const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Lends the value. The caller keeps the one rule: no `with` of the same static inside.
    fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: nothing else holds the value. `GUEST` is lent by the exports only, once each, and
        // `CACHE` by `prepare` and `answer`, one after the other; no export runs inside another, because
        // without imports there is no way back in. `ARENA` is lent for single calls of `Arena`, none of which allocates or
        // calls back but to `Memory`, which touches no static.
        body(unsafe { &mut *self.0.get() })
    }
}

static GUEST: Single<Guest> = Single::new(Guest {
    policy: Policy::Unread,
    buffers: Buffers::new(),
});

static CACHE: Single<ChainCache> = Single::new(ChainCache::new());

static ARENA: Single<Arena> = Single::new(Arena::new());

struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

// SAFETY: blocks come from the arena, which never hands out the same address twice while a block
// is in use, aligns as asked, and stays within memory that exists; a block that cannot be had is
// the null pointer; no method panics or unwinds.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ARENA
            .with(|arena| arena.take(layout.size(), layout.align(), &mut Memory))
            .map_or(ptr::null_mut(), ptr::with_exposed_provenance_mut)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        ARENA.with(|arena| arena.give(block.expose_provenance(), layout.size()));
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let at = block.expose_provenance();
        if ARENA.with(|arena| arena.resize(at, layout.size(), size, &mut Memory)) {
            return block;
        }
        // SAFETY: the caller promises that `size` is not 0 and, rounded up to the alignment, does
        // not overflow; the alignment is a valid one, it comes from a layout.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: both blocks are in use, so they do not overlap, and both have at least the
            // smaller of the two sizes; the old one is the caller's, of this layout.
            unsafe {
                ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                self.dealloc(block, layout);
            }
        }
        moved
    }
}

/// A panic, or an allocation that failed: the instance stops, and its host denies.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    wasm32::unreachable()
}
