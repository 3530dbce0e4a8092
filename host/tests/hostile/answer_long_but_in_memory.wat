;; answer engine.resources
(func (export "ambit_evaluate") (param i32 i32) (result i64) (drop (memory.grow (i32.const 200))) (i64.const 0x0000000000500000))
