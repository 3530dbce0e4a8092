;; answer engine.resources
(func (export "ambit_evaluate") (param i32 i32) (result i64)
  (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
  unreachable)
