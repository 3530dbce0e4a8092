;; load module.compile
(func $f (return_call $f))
