def get_array_view(runtime, state, dtype):
    array = runtime.get_array(state)
    return array, array.host_view.view(dtype)
