//! How the host of the test module passes a case in and takes the answer out: the crate's only
//! `unsafe`.
#![expect(unsafe_code, reason = "a raw ABI hands over pointers")]

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::UnsafeCell;

use ambit_policy::cedar::Program;

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
    pack(crate::run(&case))
}

/// Hands over an answer: its pointer in the upper, its length in the lower half.
fn pack(answer: String) -> u64 {
    let answer = answer.into_bytes().into_boxed_slice();
    let length = answer.len() as u64;
    let pointer = Box::into_raw(answer).cast::<u8>().addr() as u64;
    (pointer << 32) | length
}

/// Verifies a compiled policy set in the bytes that [`vectors_alloc`] gave, and keeps it; 0 if it is
/// not sound. A further call replaces it.
#[unsafe(no_mangle)]
extern "C" fn cedar_load(pointer: *mut u8, length: usize) -> u32 {
    // SAFETY: the host passes the pointer of `vectors_alloc(length)`, once.
    let bytes = unsafe { Box::from_raw(core::ptr::slice_from_raw_parts_mut(pointer, length)) };
    // Never freed: a program before it may still be referred to, and the instance is a test's.
    let program = Program::open(Box::leak(bytes)).filter(|program| program.verify().is_ok());
    let sound = u32::from(program.is_some());
    // SAFETY: there are no threads, and no reference to the static outlives a call.
    unsafe { *PROGRAM.0.get() = program };
    sound
}

/// Answers a request by the policies that [`cedar_load`] keeps; packed as the answers of
/// [`vectors_run`], 0 without any.
#[unsafe(no_mangle)]
extern "C" fn cedar_authorize(pointer: *mut u8, length: usize) -> u64 {
    // SAFETY: the host passes the pointer of `vectors_alloc(length)`, once.
    let request = unsafe { Box::from_raw(core::ptr::slice_from_raw_parts_mut(pointer, length)) };
    // SAFETY: as above; `cedar_load` cannot run during this call.
    let Some(program) = (unsafe { &*PROGRAM.0.get() }) else {
        return 0;
    };
    pack(crate::cedar::authorize(program, &request))
}

struct Kept(UnsafeCell<Option<Program<'static>>>);

// SAFETY: wasm memory of this module is not shared, so there is no second thread.
unsafe impl Sync for Kept {}

static PROGRAM: Kept = Kept(UnsafeCell::new(None));

/// Frees an answer.
#[unsafe(no_mangle)]
extern "C" fn vectors_free(pointer: *mut u8, length: usize) {
    // SAFETY: the host passes pointer and length of an answer of `vectors_run`, once.
    drop(unsafe { Box::from_raw(core::ptr::slice_from_raw_parts_mut(pointer, length)) });
}
