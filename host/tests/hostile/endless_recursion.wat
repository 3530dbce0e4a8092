;; answer engine.resources
(func $down (param i32) (result i32) (i32.add (call $down (local.get 0)) (i32.const 1)))
(func (export "ambit_evaluate") (param i32 i32) (result i64) (drop (call $down (i32.const 0))) (i64.const {ALLOW}))
