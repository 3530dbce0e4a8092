;; answer engine.trap
;; `ambit_info` is asked when the module is loaded, and its answer is returned first.
(func (export "ambit_free") (param i32 i32)
  (if (i32.ne (local.get 0) (i32.const 1024)) (then (unreachable))))
