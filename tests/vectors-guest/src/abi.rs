//! How the host of the test module passes a case in and takes the answer out: the crate's only
//! `unsafe`.
#![expect(unsafe_code, reason = "a raw ABI hands over pointers")]

use alloc::boxed::Box;
use alloc::vec::Vec;

#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// Makes room for `length` bytes. The host fills them and passes them to [`vectors_run`].
#[unsafe(no_mangle)]
extern "C" fn vectors_alloc(length: usize) -> *mut u8 {
    let room: Box<[u8]> = Vec::from_iter(core::iter::repeat_n(0, length)).into_boxed_slice();
    Box::into_raw(room).cast()
}

/// Runs the case in the bytes that [`vectors_alloc`] gave, and frees them. The answer's pointer
/// stands in the upper, its length in the lower half; the host frees it with [`vectors_free`].
#[unsafe(no_mangle)]
extern "C" fn vectors_run(pointer: *mut u8, length: usize) -> u64 {
    // SAFETY: the host passes the pointer of `vectors_alloc(length)`, once.
    let case = unsafe { Box::from_raw(core::ptr::slice_from_raw_parts_mut(pointer, length)) };
    let answer = crate::run(&case).into_bytes().into_boxed_slice();
    let length = answer.len() as u64;
    let pointer = Box::into_raw(answer).cast::<u8>().addr() as u64;
    (pointer << 32) | length
}

/// Frees an answer.
#[unsafe(no_mangle)]
extern "C" fn vectors_free(pointer: *mut u8, length: usize) {
    // SAFETY: the host passes pointer and length of an answer of `vectors_run`, once.
    drop(unsafe { Box::from_raw(core::ptr::slice_from_raw_parts_mut(pointer, length)) });
}
