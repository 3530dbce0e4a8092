;; answer engine.trap
(data (i32.const 4096) "{\"decision\":true,\"context\":{")
(func (export "ambit_evaluate") (param i32 i32) (result i64) (i64.const 0x000010000000001c))
