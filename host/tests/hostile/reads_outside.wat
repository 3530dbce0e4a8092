;; answer engine.trap
(func (export "ambit_evaluate") (param i32 i32) (result i64) (i64.load (i32.const -8)))
