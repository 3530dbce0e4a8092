//! Buffers, answers, the allocator and the panic handler.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use core::cell::RefCell;
use core::ptr;

#[cfg(target_feature = "atomics")]
compile_error!("statics have no locks: build without threads");

#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// A panic, or an allocation that failed: the instance stops, and JavaScript denies.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// Makes room for `length` bytes.
#[unsafe(no_mangle)]
extern "C" fn ambit_alloc(length: usize) -> *mut u8 {
    Box::into_raw(vec![0_u8; length].into_boxed_slice()).cast()
}

/// Frees an answer.
#[unsafe(no_mangle)]
extern "C" fn ambit_free(at: *mut u8, length: usize) {
    // SAFETY: JavaScript passes the place of an answer, once.
    drop(unsafe { take(at, length) });
}

/// The bytes of a buffer.
///
/// # Safety
///
/// `at` and `length` are those of a buffer of `ambit_alloc`, or of an answer, and are given once.
pub unsafe fn take(at: *mut u8, length: usize) -> Box<[u8]> {
    // SAFETY: by the rule above this is a box that was made a raw pointer and is nobody's.
    unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(at, length)) }
}

/// Hands an answer over.
#[must_use]
pub fn answer(text: String) -> u64 {
    place(Box::leak(text.into_bytes().into_boxed_slice()))
}

/// Where bytes lie: the address in the upper half, the length in the lower.
#[must_use]
pub fn place(bytes: &[u8]) -> u64 {
    let half = |number: usize| u64::try_from(number).unwrap_or_default();
    half(bytes.as_ptr().addr()).wrapping_shl(32) | half(bytes.len())
}

/// A static of an instance, which runs one call at a time.
#[derive(Debug)]
pub struct Single<T>(RefCell<T>);

// SAFETY: without the `atomics` feature (refused above) wasm memory is not shared, so no second
// thread exists that could reach a static.
unsafe impl<T> Sync for Single<T> {}

impl<T> Single<T> {
    /// A static that holds `value`.
    pub const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// Lends the value. Lent already, it stops the instance.
    pub fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        match self.0.try_borrow_mut() {
            Ok(mut value) => body(&mut value),
            Err(_) => core::arch::wasm32::unreachable(),
        }
    }
}
